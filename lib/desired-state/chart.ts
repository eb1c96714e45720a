import * as v from 'valibot'
import { OperatorError } from '../base/errors.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import { type ValuesFrom, valuesReferenceSchema } from './chart-values.ts'

/** A chart as a HelmRelease of the tree asks for it. */
export interface Chart {
  /** The HelmRelease's own name. */
  readonly name: string
  readonly releaseName: string
  readonly namespace: string
  /** `oci://REGISTRY/PATH/CHART` */
  readonly url: string
  /** The tag, without a digest; of a range of versions, the range. Empty where only a digest is named. */
  readonly version: string
  /** `sha256:…`, where the artifact is pinned by it too. */
  readonly digest?: string
  /** Whether `version` is a range, out of which source-controller takes the newest. */
  readonly isRange?: boolean
  readonly insecure: boolean
  readonly values: unknown
  /** ConfigMaps and Secrets whose values lie below these. */
  readonly valuesFrom?: ValuesFrom
  /** Kustomize patches that helm-controller lays over the rendered chart. */
  readonly patches: readonly unknown[]
  /** Whether helm-controller adds the artifact's digest to the chart's version. */
  readonly tracksDigest: boolean
}

/** As the API and Flux's own CRDs have them: none can be a flag, or a path, for the programs that are given them. */
const name = (longest: number) => v.pipe(v.string(), v.maxLength(longest), v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/))
const releaseSchema = v.object({
  metadata: v.object({ name: name(253), namespace: name(63) }),
  spec: v.object({
    chartRef: v.object({ kind: v.literal('OCIRepository'), name: name(253) }),
    releaseName: v.optional(name(53)),
    targetNamespace: v.optional(name(63)),
    values: v.optional(v.unknown(), {}),
    valuesFrom: v.optional(v.array(valuesReferenceSchema), []),
    postRenderers: v.optional(v.array(v.strictObject({ kustomize: v.strictObject({ patches: v.array(v.unknown()) }) })), []),
  }),
})
const word = (pattern: RegExp) => v.nullish(v.pipe(v.string(), v.regex(pattern)), '')
const refSchema = v.object({
  tag: word(/^(\w[\w.-]{0,127}(@sha256:[0-9a-f]{64})?)?$/),
  semver: word(/^[\w.\s<>=~^|*,+-]*$/),
  digest: word(/^(sha256:[0-9a-f]{64})?$/),
})
const sourceSchema = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({
    url: v.pipe(v.string(), v.regex(/^oci:\/\/[\w.:[\]-]+(\/[\w.-]+)+$/)),
    insecure: v.optional(v.boolean(), false),
    ref: v.nullish(refSchema, {}),
  }),
})

/**
 * The chart of the one HelmRelease among the objects of a folder.
 * @param path what people call the folder
 * @throws OperatorError `blocked` where there is not one, or Git's words are none that Flux would take
 */
export function findChart(objects: readonly KubeObject[], path: string): Omit<Chart, 'tracksDigest'> {
  const releases = objects.filter(({ kind }) => kind === fluxKinds.helmRelease.kind)
  const [found] = releases
  if (found === undefined || releases.length > 1) throw blocked(`${path} holds ${releases.length} HelmReleases instead of one`)
  const { metadata, spec } = parsed(releaseSchema, found, path)
  const source = objects.find(({ kind, metadata: { name } }) => kind === fluxKinds.ociRepository.kind && name === spec.chartRef.name)
  if (source === undefined) throw blocked(`${path} holds no OCIRepository ${spec.chartRef.name}, which its HelmRelease refers to`)
  const { url, insecure, ref } = parsed(sourceSchema, source, path).spec
  return {
    name: metadata.name,
    releaseName: spec.releaseName ?? metadata.name,
    namespace: spec.targetNamespace ?? metadata.namespace,
    url,
    ...pinnedBy(ref ?? {}),
    insecure,
    values: spec.values,
    ...(spec.valuesFrom.length === 0
      ? {}
      : { valuesFrom: { namespace: metadata.namespace, references: spec.valuesFrom, beside: objects.filter(isValues) } }),
    patches: spec.postRenderers.flatMap(({ kustomize }) => kustomize.patches),
  }
}

function isValues({ kind }: KubeObject): boolean {
  return kind === kinds.configMap.kind || kind === kinds.secret.kind
}

function parsed<S extends v.GenericSchema>(schema: S, object: KubeObject, path: string): v.InferOutput<S> {
  const read = v.safeParse(schema, object)
  if (read.success) return read.output
  throw blocked(`${nameOf(refOf(object))} in ${path}: ${v.summarize(read.issues)}`)
}

function blocked(what: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy: 'fix it in Git, push, and run again' })
}

/** The version that a HelmRelease is to have released; undefined where Git does not say which. */
export function exactVersion({ version, isRange }: Pick<Chart, 'version' | 'isRange'>): string | undefined {
  return isRange === true || version === '' ? undefined : version
}

/**
 * Which artifact an OCIRepository takes: source-controller asks for a digest before a range, and for that before a tag, in which Renovate
 * writes a digest too, `0.59.0@sha256:…` (api/v1, OCIRepositoryRef).
 */
export function pinnedBy(ref: Partial<v.InferOutput<typeof refSchema>>): Pick<Chart, 'version' | 'digest' | 'isRange'> {
  const [tag = '', pinned = ''] = (ref.tag ?? '').split('@')
  if ((ref.digest ?? '') !== '') return { version: tag, digest: ref.digest ?? '' }
  if ((ref.semver ?? '') !== '') return { version: ref.semver ?? '', isRange: true }
  return pinned === '' ? { version: tag === '' ? 'latest' : tag } : { version: tag, digest: pinned }
}
