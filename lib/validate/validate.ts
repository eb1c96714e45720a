import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChartFolder, checkChartValues, readCharts } from './chart-values.ts'
import { buildable, createBuilder } from './builds.ts'
import { buildCluster, clustersIn } from './cluster-tree.ts'
import { checkDocuments, documentsIn } from './documents.ts'
import { checkMetrics, checkSecrecy } from './file-rules.ts'
import { type Finding, sorted } from './finding.ts'
import { checkFluxBuilds } from './flux-build.ts'
import { checkFluxRules } from './flux-rules.ts'
import type { Scope } from './paths.ts'
import { checkPinned } from './pinned.ts'
import { checkReferences } from './references.ts'
import { checkSchemas, type OperatorRelease, readCrds } from './schemas.ts'
import { filesBelow, readSource } from './source.ts'

/** What there is on this machine to check with. */
export interface Means {
  readonly kubectl: string
  /** Flux' own CLI, if it is here. */
  readonly flux: string | undefined
  /** A release of the operator with its CRDs, if one is here. */
  readonly release: OperatorRelease | undefined
  readonly charts: ChartFolder
}

export interface Verdict {
  readonly findings: readonly Finding[]
  /** What could not be looked at, and why. */
  readonly notChecked: readonly string[]
  /** What was: for the last line. */
  readonly checked: string
}

/**
 * Everything that can be known without a cluster about a checkout, as far as the scope goes. The tree is looked at as a whole, for its
 * parts refer to each other; told is what the scope covers.
 */
export async function validate(root: string, scope: Scope, findMeans: () => Promise<Means>): Promise<Verdict> {
  const verdicts = await Promise.all([
    ...(scope.hasTree ? [findMeans().then((means) => validateTree(root, means))] : []),
    ...(scope.hasDocuments ? [validateDocuments(root)] : []),
  ])
  return {
    findings: verdicts.flatMap(({ findings }) => findings).filter(({ file }) => scope.covers(file)),
    notChecked: verdicts.flatMap(({ notChecked }) => notChecked),
    checked: verdicts.map(({ checked }) => checked).join(', '),
  }
}

/** Everything that can be known without a cluster about the documents of a checkout. */
export async function validateDocuments(root: string): Promise<Verdict> {
  const documents = await documentsIn(root)
  return { findings: sorted(await checkDocuments(root, documents)), notChecked: [], checked: `${documents.length} documents` }
}

/** Everything that can be known without a cluster about the `kubernetes/` of a checkout. */
export async function validateTree(root: string, means: Means): Promise<Verdict> {
  const read = await Promise.all((await filesBelow(root, 'kubernetes', /\.ya?ml$/)).map((file) => readSource(root, file)))
  const sources = read.map(({ source }) => source)
  const others = await filesBelow(root, 'kubernetes', /\.json$/) // dashboards
  const findings = [
    ...read.flatMap((one) => one.findings),
    ...sources.flatMap((source) => [...checkSecrecy(source), ...checkMetrics(source.file, source.text)]),
    ...(await Promise.all(others.map(async (file) => checkMetrics(file, await readFile(join(root, file), 'utf8'))))).flat(),
  ]
  const checked = `${sources.length} files`
  // What cannot be parsed makes every build fail in words of its own.
  if (read.some((one) => one.findings.length > 0))
    return { findings: sorted(findings), notChecked: ['builds, before the YAML is mended'], checked }

  const builder = createBuilder(root, sources, means.kubectl)
  const folders = buildable(sources)
  const found: Finding[] = []
  const [trees] = await Promise.all([
    Promise.all(clustersIn(sources).map((cluster) => buildCluster(root, cluster, builder, found))),
    Promise.all(folders.map((folder) => builder.build(folder))),
  ])
  const lines = new Map(sources.map(({ file, text }) => [file, text.split('\n')]))
  const lineAt = ({ file, line }: { file: string; line: number }): string => lines.get(file)?.[line - 1] ?? ''
  const { flux, release } = means
  const charts = readCharts(means.charts)
  const crds = release === undefined ? undefined : readCrds(release)
  const judged = await Promise.all(
    trees.map(async (tree) => {
      const [schemas, values, built] = await Promise.all([
        checkSchemas(tree, crds),
        checkChartValues(tree, charts),
        flux === undefined ? [] : checkFluxBuilds(root, tree, flux),
      ])
      const own = [
        ...checkReferences(root, tree, lineAt),
        ...checkFluxRules(tree),
        ...checkPinned(tree),
        ...schemas.findings,
        ...values.findings,
      ]
      // flux would say what is wrong once more, in its own words and without the line: it is heard where there is nothing else.
      return { findings: own.length > 0 ? own : built, notChecked: [...schemas.notChecked, ...values.notChecked] }
    }),
  )
  return {
    findings: sorted([...findings, ...builder.findings, ...found, ...judged.flatMap((one) => one.findings)]),
    notChecked: [
      ...judged.flatMap((one) => one.notChecked),
      ...(flux === undefined ? ['what flux build makes of it: there is no flux CLI on this machine'] : []),
    ],
    checked: `${checked}, ${folders.length} builds, ${trees.map(({ cluster }) => cluster).join(' and ')}`,
  }
}
