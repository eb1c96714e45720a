import * as v from 'valibot'
import { referencesIn } from '../flux/secret-references.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { getMetadata, listMetadata } from '../kubernetes/metadata.ts'
import { kinds, type KubeObject, type Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { isRequestAlone } from '../flux/reconcile-request.ts'
import { deploymentsOf } from '../flux/components.ts'
import { isRequestAnnotation } from '../flux/annotations.ts'

/** What is read besides the source; an account only says who reads. */
const contents: readonly string[] = [kinds.configMap.kind, kinds.secret.kind]

const sourceSchema = v.object({
  status: v.optional(v.object({ artifact: v.nullish(v.object({ lastUpdateTime: v.optional(v.string(), '') })) }), {}),
})
const handledSchema = v.object({ status: v.optional(v.object({ lastHandledReconcileAt: v.optional(v.string()) }), {}) })

/**
 * When there was last a reason for an object of Flux to change what it applies, in milliseconds: it was made, its spec was written, it was
 * asked to reconcile; its source has a new artifact; a ConfigMap or Secret that it reads was written; for the FluxInstance, the operator
 * itself is another.
 * @param source where it takes from what it applies, if from anywhere
 */
export async function newestCause(cluster: Cluster, doer: Ref, source: Ref | undefined): Promise<number> {
  const object = await cluster.get(doer)
  if (object === undefined) return Infinity
  const [artifact, operators, ...read] = await Promise.all([
    source === undefined ? undefined : cluster.get(source),
    doer.kind === fluxKinds.fluxInstance.kind ? deploymentsOf(cluster, doer.namespace, 'operator') : [],
    ...referencesIn(object).map(({ ref }) => (contents.includes(ref.kind) ? metadataOf(cluster, ref) : [])),
  ])
  const fetched = artifact === undefined ? undefined : v.parse(sourceSchema, artifact).status.artifact?.lastUpdateTime
  const written = [object, ...operators, ...read.flat()].map(writtenAt)
  return Math.max(...written, requestedAt(object), millisecondsOf(fetched))
}

/** When an object was last asked to reconcile, in milliseconds; `-Infinity` where it never was. */
export function requestedAt(object: KubeObject): number {
  const asked = Object.entries(object.metadata.annotations).flatMap(([name, at]) => (isRequestAnnotation(name) ? [at] : []))
  const { lastHandledReconcileAt } = v.parse(handledSchema, object).status
  return Math.max(...[...asked, lastHandledReconcileAt].map(millisecondsOf))
}

/** People ask by RFC 3339, as the flux CLI does, or by `date +%s`. */
export function millisecondsOf(text: string | undefined): number {
  const time = text === undefined ? NaN : /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  return Number.isNaN(time) ? -Infinity : time
}

const entrySchema = v.object({ time: v.optional(v.string()), subresource: v.optional(v.string(), ''), fieldsV1: v.unknown() })

/** When spec or metadata was last written, except for what only asks for a reconciliation; in milliseconds. */
export function writtenAt({ metadata }: KubeObject): number {
  const times = metadata.managedFields.flatMap((entry) => {
    const { time, subresource, fieldsV1 } = v.parse(entrySchema, entry)
    return subresource === '' && !isRequestAlone(fieldsV1) ? [millisecondsOf(time)] : []
  })
  return Math.max(millisecondsOf(metadata.creationTimestamp ?? undefined), ...times)
}

/** Of Secrets only names may be listed; neither their content nor that of ConfigMaps is read. */
async function metadataOf(cluster: Cluster, ref: Ref): Promise<readonly KubeObject[]> {
  if (ref.kind !== kinds.secret.kind) {
    const found = await getMetadata(cluster, ref)
    return found === undefined ? [] : [found]
  }
  const place = ref.namespace === undefined ? {} : { namespace: ref.namespace }
  const path = await cluster.collection(ref, { ...place, fields: `metadata.name=${ref.name}` })
  return (await listMetadata(cluster, path, ref)).objects
}
