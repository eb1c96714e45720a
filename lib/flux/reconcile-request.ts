import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import type { KubeObject, Ref } from '../kubernetes/objects.ts'
import { requestedAtAnnotation, requestPrefix } from './annotations.ts'

/** Asks the object's controller to look now; `more` are annotations that go along, as to force a release. */
export async function requestReconcile(cluster: Cluster, ref: Ref, ...more: readonly string[]): Promise<void> {
  const now = new Date().toISOString()
  const annotations = Object.fromEntries([requestedAtAnnotation, ...more].map((name) => [name, now]))
  await cluster.patch(ref, { metadata: { annotations } })
}

const handledSchema = v.object({ status: v.optional(v.object({ lastHandledReconcileAt: v.optional(v.string()) }), {}) })

/** Whether it was asked, and its controller has not looked since. */
export function isRequested(object: KubeObject): boolean {
  const asked = object.metadata.annotations[requestedAtAnnotation]
  return asked !== undefined && v.parse(handledSchema, object).status.lastHandledReconcileAt !== asked
}

const requestSchema = v.strictObject({
  'f:metadata': v.strictObject({
    'f:annotations': v.record(v.union([v.literal('.'), v.pipe(v.string(), v.startsWith(`f:${requestPrefix}`))]), v.unknown()),
  }),
})

/** Whether a field manager's `fieldsV1` are requests and nothing else, as `flux reconcile` leaves them: who asks owns nothing. */
export function isRequestAlone(fields: unknown): boolean {
  return v.is(requestSchema, fields)
}
