import { checkChartValues, type ValuesCheck } from './chart-values.ts'
import type { ClusterRoot, ClusterTree, Workshop } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import { checkFluxBuilds } from './flux-build.ts'
import { checkFluxRules } from './flux-rules.ts'
import { checkPinned } from './pinned.ts'
import { checkReferences } from './references.ts'
import { askedFor } from './rules.ts'
import { checkSchemas, readCrds } from './schemas.ts'
import type { SourceFile } from './source.ts'
import type { ValidationTools } from './validate.ts'

/** A cluster that was built, and where that began. */
export interface BuiltCluster {
  readonly start: ClusterRoot
  readonly tree: ClusterTree
}

/** What clusters are built from, with no finding yet. */
export function workshopOf(root: string, sources: readonly SourceFile[], more: Pick<Workshop, 'builder' | 'given' | 'rules'>): Workshop {
  return { root, files: new Map(sources.map((source) => [source.file, source])), findings: [], ...more }
}

/** Everything that the rules ask of clusters as a whole. */
export async function checkClusters(
  { root, files, given, rules, findings: broken }: Workshop,
  clusters: readonly BuiltCluster[],
  { release, flux }: ValidationTools,
): Promise<ValuesCheck> {
  const lines = new Map([...files].map(([file, { text }]) => [file, text.split('\n')]))
  const lineAt = ({ file, line }: { file: string; line: number }): string => lines.get(file)?.[line - 1] ?? ''
  const crds = release === undefined ? undefined : readCrds(release)
  const judged = await Promise.all(
    clusters.map(async ({ start, tree }): Promise<ValuesCheck> => {
      const values = checkChartValues(tree, rules)
      const [schemas, built] = await Promise.all([
        checkSchemas(tree, crds, rules),
        flux === undefined || rules === 'flux' ? [] : checkFluxBuilds(root, tree, flux),
      ])
      const own: Diagnostic[] = [
        ...checkReferences(root, { tree, start, rules, given, lineAt }),
        ...checkFluxRules(tree, rules),
        ...checkPinned(tree),
        ...schemas.findings,
        ...values.findings,
      ]
      // flux would say what is wrong once more, in its own words and without the line: it is heard where there is nothing else.
      const findings = askedFor(own.length + broken.length > 0 ? own : built, rules)
      return { findings, warnings: values.warnings, notChecked: [...schemas.notChecked, ...values.notChecked] }
    }),
  )
  return {
    findings: judged.flatMap((one) => one.findings),
    warnings: judged.flatMap((one) => one.warnings),
    notChecked: judged.flatMap((one) => one.notChecked),
  }
}
