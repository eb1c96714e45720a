import { blocks, type Finding, notice } from '../../preflight/preflight.ts'
import type { Tree } from '../../desired-state/tree.ts'
import type { VersionLines } from '../../desired-state/version-settings.ts'
import { digestLinesAt, type PinnedCharts } from './chart-digests.ts'
import type { Versions } from './version-notes.ts'

/** The lines of settings.yaml that differ between two versions. */
export interface ChangedLines {
  readonly before: Record<string, string>
  readonly after: Record<string, string>
  /** Why a newer operator would not come by them, or what would stay. */
  readonly findings: readonly Finding[]
}

type VersionSettings = PinnedCharts &
  Pick<Tree, 'cluster'> & { readonly operator: Pick<Tree['operator'], 'name' | 'version' | 'digest' | 'isRange'> }

/**
 * The lines of settings.yaml that differ; the distribution artifact's tag is the operator's where it was before, with the digest of the new
 * one where it was pinned by it.
 * @param digestAt asks the registry for the digest of an artifact
 */
export async function changedLinesOf(
  tree: VersionSettings,
  from: Versions,
  to: Versions,
  digestAt: (url: string) => Promise<string | undefined>,
): Promise<ChangedLines> {
  const findings: Finding[] = isMoving(from, to) ? judgeOperator(tree, to.operator) : []
  const at = async (versions: Versions): Promise<VersionLines> => ({
    flux_version: versions.flux,
    operator_version: versions.operator,
    ...(await artifactAt(tree, versions.operator, digestAt, findings)),
    ...(await digestLinesAt(tree, versions.operator, digestAt, findings)),
  })
  const [before, after] = [new Map(Object.entries(await at(from))), Object.entries(await at(to))]
  // Git may be ahead of the cluster already; a line that neither changes nor has to is left alone.
  const changed = after.filter(([key, value]) => before.get(key) !== value)
  return {
    before: Object.fromEntries(changed.map(([key]) => [key, before.get(key) ?? ''])),
    after: Object.fromEntries(changed),
    findings,
  }
}

function isMoving(from: Versions, to: Versions): boolean {
  return from.operator !== to.operator
}

/** Whether the operator's chart is the one that `operator_version` names; if not, why a commit that changes it would bring no other. */
function judgeOperator({ operator, settings, cluster }: VersionSettings, version: string): Finding[] {
  const { name, digest, isRange } = operator
  const source = `OCIRepository of HelmRelease ${name}`
  const file = `operator_version in kubernetes/clusters/${cluster}/settings.yaml`
  const byTag = 'give it `ref: {tag: ${operator_version}}` in Git, push, and run again'
  if (isRange === true)
    return [
      blocks(`the ${source} follows the range ${operator.version}: source-controller takes the newest of it, whatever ${file} says`, byTag),
    ]
  if (digest !== undefined && digest !== settings['operator_chart_digest'])
    return [
      blocks(
        `the ${source} is pinned to ${digest}: ${version} in ${file} would change nothing`,
        `${byTag}, or take the digest from settings.yaml: digest: \${operator_chart_digest}`,
      ),
    ]
  if (operator.version === settings.operator_version) return []
  return [blocks(`the ${source} has the tag ${operator.version}, which is not ${file}: changing that would change nothing`, byTag)]
}

const digested = /^(.*):v([^:/@]+)(@sha256:[0-9a-f]{64})?$/

async function artifactAt(
  { settings }: VersionSettings,
  version: string,
  digestAt: (url: string) => Promise<string | undefined>,
  findings: Finding[],
): Promise<VersionLines> {
  const artifact = settings.distribution_artifact ?? ''
  const [, repository = '', tag, digest] = digested.exec(artifact) ?? []
  if (tag !== undefined && tag !== settings.operator_version) return {} // of a tag that was never the operator's
  if (tag === version) return { distribution_artifact: artifact }
  if (tag === undefined) {
    const isPinned = artifact.includes('@sha256:')
    const what = `the distribution artifact stays at ${artifact}, which names no version of the operator`
    if (isPinned && version !== settings.operator_version && findings.every((one) => one.what !== what)) findings.push(notice(what))
    return {}
  }
  const moved = `${repository}:v${version}`
  if (digest === undefined) return { distribution_artifact: moved }
  const newer = await digestAt(moved)
  if (newer !== undefined) return { distribution_artifact: `${moved}@${newer}` }
  findings.push(
    blocks(
      `the distribution artifact is pinned by digest, and the registry does not report that of ${moved}`,
      `check whether it exists: flux pull artifact ${moved} --output .; or remove the digest from distribution_artifact, push, and run again`,
    ),
  )
  return {}
}
