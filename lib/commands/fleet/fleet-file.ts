import * as v from 'valibot'
import { isNode, LineCounter } from 'yaml'
import { yamlDocuments } from '../../base/yaml.ts'
import { parseDuration } from '../../base/duration.ts'
import { nearest } from '../../base/nearest.ts'

/** One cluster of a fleet, as FILE describes it. */
export interface FleetCluster {
  readonly name: string
  /** The kubeconfig context. */
  readonly context: string
  /** The folder below kubernetes/clusters, where it is not named as the context. */
  readonly cluster: string | undefined
  /** With the engine kubernetes: the Secret beside the Jobs whose entry `value` is its kubeconfig. */
  readonly kubeconfigSecret?: string | undefined
  /** Where it stands in FILE. */
  readonly line: number
}

/** Clusters that are run together; a wave begins when the one before is done, soaked and still healthy. */
export interface Wave {
  readonly name: string
  /** How many clusters run at the same time. */
  readonly parallel: number
  /** How long to wait after the last cluster, before health is checked again, in milliseconds. */
  readonly soakMs: number
  /** With more failures than these no further cluster is started. */
  readonly maxFailures: number
  readonly clusters: readonly FleetCluster[]
}

/** Something wrong in FILE. */
export interface FileFinding {
  readonly line: number
  readonly what: string
}

export type ParsedFleet =
  | { readonly is: 'valid'; readonly waves: readonly Wave[] }
  | {
      readonly is: 'invalid'
      readonly findings: readonly FileFinding[]
      /** Those that are described as they are to be: what is wrong with them otherwise can be found too. */
      readonly clusters: readonly FleetCluster[]
    }

/** Names appear in file names, comma-separated lists and reports; what a run knows of each is kept by its name, as which `constructor` is known already. */
const name = v.pipe(
  v.string('must be a string'),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must consist of letters, digits, dots and hyphens, at most 63'),
  v.check((value) => !(value in {}), 'must be another word: this one is kept for JavaScript'),
)
const text = v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'))
const clusterSchema = v.strictObject({
  name,
  context: text,
  kubeconfigSecret: v.optional(text),
  cluster: v.optional(text),
  wave: text,
})
/** What a timer takes; a longer one is over at once. */
const longestSoak = 24 * 24 * 3_600_000
const soak = v.pipe(
  v.string('must be a duration such as 10m'),
  v.check((value) => parseDuration(value) !== undefined, 'must be a duration such as 10m'),
  v.check((value) => (parseDuration(value) ?? 0) <= longestSoak, 'must be at most 24 days, which is 576h'),
)
const count = (least: number) => {
  const what = `must be a whole number, ${least} or more`
  return v.pipe(v.number(what), v.integer(what), v.minValue(least, what))
}
const waveSchema = v.strictObject({
  name,
  parallel: v.optional(count(1), 1),
  soak: v.optional(soak, '0s'),
  maxFailures: v.optional(count(0), 0),
})
const list = v.array(v.unknown(), 'must be a list')
const fleetSchema = v.strictObject({ clusters: list, waves: list })
const namedSchema = v.looseObject({ name: v.optional(v.string()), wave: v.optional(v.string()), context: v.optional(v.string()) })

/** Finds everything that is wrong in FILE, not just the first thing. */
export function parseFleet(content: string): ParsedFleet {
  const lines = new LineCounter()
  const [document] = yamlDocuments(content, { lineCounter: lines })
  const [broken] = document?.errors ?? []
  if (broken !== undefined) {
    const what = `this is not valid YAML: ${broken.message}`
    return { is: 'invalid', findings: [{ line: lines.linePos(broken.pos[0]).line, what }], clusters: [] }
  }
  /** Of the node at the path, or of the nearest one above it. */
  const lineOf = (path: readonly (string | number)[]): number => {
    const node: unknown = document?.getIn(path, true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
    return path.length === 0 ? 1 : lineOf(path.slice(0, -1))
  }
  const top = v.safeParse(fleetSchema, document?.toJS())
  if (!top.success) return { is: 'invalid', findings: top.issues.map((issue) => findingOf(issue, [], lineOf)), clusters: [] }
  return checkEntries(top.output, lineOf)
}

type LineOf = (path: readonly (string | number)[]) => number

function checkEntries({ clusters, waves }: v.InferOutput<typeof fleetSchema>, lineOf: LineOf): ParsedFleet {
  const findings: FileFinding[] = []
  const read = <S extends v.GenericSchema>(part: string, entries: readonly unknown[], schema: S): Entry<v.InferOutput<S>>[] =>
    entries.map((entry, at) => {
      const path = [part, at]
      const parsed = v.safeParse(schema, entry)
      if (!parsed.success) findings.push(...parsed.issues.map((issue) => findingOf(issue, path, lineOf)))
      const named = v.safeParse(namedSchema, entry)
      const known = named.success ? named.output : {}
      return {
        ...known,
        line: lineOf(path),
        lineOf: (field) => lineOf([...path, field]),
        value: parsed.success ? parsed.output : undefined,
      }
    })
  const foundClusters = read('clusters', clusters, clusterSchema)
  const foundWaves = read('waves', waves, waveSchema)
  if (clusters.length === 0) findings.push({ line: lineOf(['clusters']), what: 'there are no clusters' })
  findings.push(
    ...repeated(foundClusters, 'name', (one, first) => `the cluster ${one} is named twice, first in line ${first}`),
    ...repeated(foundClusters, 'context', (one, first) => `the context ${one} is used by two clusters, first in line ${first}`),
    ...repeated(foundWaves, 'name', (one, first) => `the wave ${one} is named twice, first in line ${first}`),
    ...unmatched(foundClusters, foundWaves),
  )
  if (findings.length > 0) {
    const others = foundClusters.filter(({ name: own, context }, at) =>
      foundClusters.slice(0, at).every((first) => first.name !== own && first.context !== context),
    )
    return { is: 'invalid', findings: findings.sort((one, other) => one.line - other.line), clusters: clustersOf(others) }
  }
  return {
    is: 'valid',
    waves: foundWaves.flatMap(({ value }) => {
      if (value === undefined) return []
      const { soak: waits, ...wave } = value
      return [{ ...wave, soakMs: parseDuration(waits) ?? 0, clusters: clustersOf(foundClusters.filter((one) => one.wave === wave.name)) }]
    }),
  }
}

interface Entry<T> {
  readonly name?: string | undefined
  readonly wave?: string | undefined
  readonly context?: string | undefined
  readonly line: number
  readonly lineOf: (field: string) => number
  /** Undefined where something is wrong with it. */
  readonly value: T | undefined
}

function clustersOf(entries: readonly Entry<v.InferOutput<typeof clusterSchema>>[]): FleetCluster[] {
  return entries.flatMap(({ value, line }) => {
    if (value === undefined) return []
    const { wave: _, kubeconfigSecret, ...cluster } = value
    return [{ ...cluster, cluster: value.cluster, line, ...(kubeconfigSecret === undefined ? {} : { kubeconfigSecret }) }]
  })
}

function repeated(
  entries: readonly Entry<unknown>[],
  field: 'name' | 'context',
  describe: (value: string, first: number) => string,
): FileFinding[] {
  return entries.flatMap((entry, at) => {
    const value = entry[field]
    const first = entries.findIndex((other) => other[field] === value)
    if (value === undefined || first === at) return []
    return [{ line: entry.lineOf(field), what: describe(value, entries[first]?.lineOf(field) ?? 0) }]
  })
}

/** Clusters of a wave that there is not, and waves that no cluster belongs to. */
function unmatched(clusters: readonly Entry<unknown>[], waves: readonly Entry<unknown>[]): FileFinding[] {
  const names = waves.flatMap(({ name: own }) => own ?? [])
  const unknown = clusters.flatMap(({ wave, lineOf }) => {
    if (wave === undefined || names.includes(wave)) return []
    const close = nearest(wave, names)
    return [{ line: lineOf('wave'), what: `there is no wave ${wave}${close === undefined ? '' : `; did you mean ${close}?`}` }]
  })
  const empty = waves.flatMap(({ name: own, line }) =>
    own === undefined || clusters.some(({ wave }) => wave === own) ? [] : [{ line, what: `the wave ${own} has no clusters` }],
  )
  return [...unknown, ...empty]
}

/** An issue of valibot's in the words of the file. */
function findingOf(issue: v.BaseIssue<unknown>, base: readonly (string | number)[], lineOf: LineOf): FileFinding {
  const own = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))
  const line = lineOf([...base, ...own])
  const field = own.join('.')
  const isKey = issue.type === 'strict_object' && field !== ''
  if (isKey && issue.expected === 'never') return { line, what: `there is no field ${field}` }
  if (isKey) return { line, what: `${field} is missing` }
  if (issue.type === 'strict_object') return { line, what: base.length === 0 ? 'this has no clusters and waves' : 'this is not a map' }
  return { line, what: `${field} ${issue.message}` }
}
