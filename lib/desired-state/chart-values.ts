import * as v from 'valibot'
import { ownAt } from '../base/json-object.ts'
import { yamlValue } from '../base/yaml.ts'
import { OperatorError } from '../base/errors.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { setPath } from './helm-set.ts'

/** Where a HelmRelease takes values from, beside those it has itself (fluxcd/pkg apis/meta, ValuesReference). */
export const valuesReferenceSchema = v.object({
  kind: v.picklist(['ConfigMap', 'Secret']),
  name: v.string(),
  valuesKey: v.optional(v.string(), 'values.yaml'),
  targetPath: v.optional(v.string(), ''),
  optional: v.optional(v.boolean(), false),
})
export type ValuesReference = v.InferOutput<typeof valuesReferenceSchema>

/** Where the values of one HelmRelease come from, beside those it has itself. */
export interface ValuesFrom {
  /** The HelmRelease's own, where all of them are. */
  readonly namespace: string
  readonly references: readonly ValuesReference[]
  /** The ConfigMaps and Secrets that Git applies together with the HelmRelease: they will be there, whatever is there now. */
  readonly beside: readonly KubeObject[]
}

/** What composes the values of one HelmRelease. */
interface Composition extends ValuesFrom {
  /** The HelmRelease, as people name it. */
  readonly release: string
}

type Fields = Record<string, unknown>
const fieldsSchema = v.custom<Fields>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
const dataSchema = v.object({
  data: v.optional(v.record(v.string(), v.string()), {}),
  stringData: v.optional(v.record(v.string(), v.string()), {}),
  sops: v.optional(v.unknown()),
})

/**
 * The values that helm-controller will render a chart with: each reference laid over those before it, and the HelmRelease's own over all
 * (fluxcd/pkg chartutil, ChartValuesFromReferences).
 * @throws OperatorError `blocked` where one is missing that is not optional, or is not a map of values
 */
export async function composeValues(
  cluster: Pick<Cluster, 'get'>,
  release: string,
  values: unknown,
  { namespace, references, beside }: ValuesFrom = { namespace: '', references: [], beside: [] },
): Promise<Fields> {
  const own = v.safeParse(fieldsSchema, values ?? {})
  if (!own.success) throw blocked(`the values of ${release} are not a map`, 'fix them in Git, push, and run again')
  const chart: Composition = { release, namespace, references, beside }
  let composed: Fields = {}
  for (const reference of references) {
    const text = await textOf(cluster, chart, reference)
    if (text === undefined) continue
    const cannot = (): OperatorError => unusable(chart, reference, `cannot be set at ${reference.targetPath} here: only plain values can`)
    composed =
      reference.targetPath === ''
        ? merged(composed, fieldsIn(text, chart, reference))
        : setPath(merged(composed, own.output), reference.targetPath, text, cannot)
  }
  return merged(composed, own.output)
}

async function textOf(cluster: Pick<Cluster, 'get'>, chart: Composition, reference: ValuesReference): Promise<string | undefined> {
  const ref: Ref = { ...kinds[reference.kind === 'Secret' ? 'secret' : 'configMap'], namespace: chart.namespace, name: reference.name }
  const inGit = chart.beside.map(refOf).findIndex((one) => nameOf(one) === nameOf(ref))
  const planned = v.safeParse(dataSchema, chart.beside[inGit])
  // An encrypted Secret says nothing here; what is in the cluster is what was decrypted.
  const isReadable = planned.success && planned.output.sops === undefined
  const found = isReadable ? chart.beside[inGit] : await cluster.get(ref)
  if (found === undefined) {
    if (reference.optional) return undefined
    const remedy = `${kubectlCall('get', ref)}; then create it, or make the reference optional in Git`
    throw blocked(`${chart.release} takes values from ${nameOf(ref)}, which does not exist`, remedy)
  }
  const { data, stringData } = v.parse(dataSchema, found)
  const encoded = ownAt(data, reference.valuesKey)
  const decoded = encoded === undefined || reference.kind === 'ConfigMap' ? encoded : Buffer.from(encoded, 'base64').toString()
  const text = ownAt(stringData, reference.valuesKey) ?? decoded
  if (text === undefined && !reference.optional) throw unusable(chart, reference, 'does not exist')
  return text
}

function fieldsIn(text: string, chart: Composition, reference: ValuesReference): Fields {
  let values: unknown
  try {
    values = yamlValue(text)
  } catch {
    throw unusable(chart, reference, 'cannot be parsed as YAML') // the parser would quote what may be secret
  }
  const read = v.safeParse(fieldsSchema, values ?? {})
  if (!read.success) throw unusable(chart, reference, 'is not a map of values')
  return read.output
}

function unusable({ release, namespace }: Composition, { kind, name, valuesKey }: ValuesReference, what: string): OperatorError {
  const remedy = `${kubectlCall('describe', { apiVersion: 'v1', kind, namespace, name })}; fix it, then run again`
  return blocked(`the key ${valuesKey} of ${kind} ${namespace}/${name}, which ${release} takes values from, ${what}`, remedy)
}

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy })
}

/** Maps are merged, anything else is replaced; null stays, and has Helm take the chart's own default away (pkg/chartutil, MergeMaps). */
function merged(below: Fields, above: Fields): Fields {
  const result = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const [one, other] = [v.safeParse(fieldsSchema, result[key]), v.safeParse(fieldsSchema, value)]
    result[key] = one.success && other.success ? merged(one.output, other.output) : value
  }
  return result
}
