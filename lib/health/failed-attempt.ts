import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/http.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { succeeded } from './assess.ts'
import { type Event, eventsOf } from './events.ts'
import { writtenAt } from './newest-cause.ts'

const historySchema = v.object({
  status: v.object({
    history: v.optional(
      v.array(v.object({ firstReconciled: v.string(), lastReconciled: v.string(), lastReconciledStatus: v.optional(v.string(), '') })),
      [],
    ),
  }),
})

/**
 * How the operator's last attempt at a FluxInstance failed, if nobody has changed what it asks for since. While the operator tries again,
 * Ready is Unknown and says nothing of it, for seconds out of every few: it would pass for healthy just then. The Event says why.
 */
export async function failedAttempt(flux: KubeObject, cluster: Cluster): Promise<{ reason: string; since: string } | undefined> {
  const parsed = v.safeParse(historySchema, flux)
  const last = parsed.success ? parsed.output.status.history[0] : undefined
  if (last === undefined || succeeded.includes(last.lastReconciledStatus)) return undefined
  if (Date.parse(last.lastReconciled) < writtenAt(flux)) return undefined
  const { lastReconciledStatus: status, firstReconciled: since } = last
  const { namespace, name } = flux.metadata
  const events = await readable(eventsOf(cluster, { kind: flux.kind, namespace, name, reason: status, type: 'Warning' }))
  const newest = events.toSorted((one, other) => (other.lastTimestamp ?? '').localeCompare(one.lastTimestamp ?? ''))[0]
  return { reason: `tries again after ${status}${newest === undefined ? '' : `: ${newest.message}`}`, since }
}

/** Without the right to read Events, that it failed is all there is to say. */
async function readable(events: Promise<readonly Event[]>): Promise<readonly Event[]> {
  return events.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return []
    throw error
  })
}
