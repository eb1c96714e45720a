import * as v from 'valibot'
import type { Cluster } from './cluster.ts'
import type { KubeObject, Ref } from './objects.ts'

/** Asking a controller to look now rather than at its next interval (fluxcd/pkg apis/meta, ReconcileRequestAnnotation). */
const requestedAt = 'reconcile.fluxcd.io/requestedAt'

/** Asks the object's controller to look now; `more` are annotations that go along, as to force a release. */
export async function requestReconcile(cluster: Cluster, ref: Ref, ...more: readonly string[]): Promise<void> {
  const now = new Date().toISOString()
  const annotations = Object.fromEntries([requestedAt, ...more].map((name) => [name, now]))
  await cluster.patch(ref, { metadata: { annotations } })
}

const handledSchema = v.object({ status: v.optional(v.object({ lastHandledReconcileAt: v.optional(v.string()) }), {}) })

/** Whether it was asked, and its controller has not looked since. */
export function isRequested(object: KubeObject): boolean {
  const asked = object.metadata.annotations[requestedAt]
  return asked !== undefined && v.parse(handledSchema, object).status.lastHandledReconcileAt !== asked
}

const requestSchema = v.strictObject({
  'f:metadata': v.strictObject({
    'f:annotations': v.record(v.union([v.literal('.'), v.pipe(v.string(), v.startsWith('f:reconcile.fluxcd.io/'))]), v.unknown()),
  }),
})

/** Whether a field manager's `fieldsV1` are requests and nothing else, as `flux reconcile` leaves them: who asks owns nothing. */
export function isRequestAlone(fields: unknown): boolean {
  return v.is(requestSchema, fields)
}
