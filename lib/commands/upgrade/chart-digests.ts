import { shellQuote } from '../../base/shell-line.ts'
import type { Tree } from '../../desired-state/tree.ts'
import type { VersionLines } from '../../desired-state/version-settings.ts'
import { blocks, type Finding } from '../../preflight/preflight.ts'

/** What it takes to know the digests: the settings, and where the charts are. */
export type PinnedCharts = Pick<Tree, 'settings'> & {
  readonly operator: Pick<Tree['operator'], 'url'>
  readonly instance: Pick<Tree['instance'], 'url'>
}

/**
 * The digests that settings.yaml pins the charts by, for another version of the operator: an OCIRepository with a digest takes that and
 * ignores its tag, so both move together or nothing does.
 * @param digestAt asks the registry for the digest of an artifact
 */
export async function digestLinesAt(
  { settings, operator, instance }: PinnedCharts,
  version: string,
  digestAt: (url: string) => Promise<string | undefined>,
  findings: Finding[],
): Promise<VersionLines> {
  const charts = [
    { key: 'operator_chart_digest', url: operator.url },
    { key: 'instance_chart_digest', url: instance.url },
  ]
  const lines: Record<string, string> = {}
  for (const { key, url } of charts) {
    const pinned = settings[key] ?? ''
    if (pinned === '') continue
    const digest = version === settings.operator_version ? pinned : await digestAt(`${url}:${version}`)
    if (digest !== undefined) lines[key] = digest
    else {
      findings.push(
        blocks(
          `the chart ${url} is pinned by digest, and the registry does not say which digest ${version} has`,
          `check whether it exists: helm show chart ${shellQuote(url)} --version ${version}; or set ${key} to "" in Git, push, and run again`,
        ),
      )
    }
  }
  return lines
}
