import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'

const eventsSchema = v.object({
  items: v.nullable(
    v.array(
      v.object({
        involvedObject: v.object({ kind: v.string(), namespace: v.optional(v.string(), ''), name: v.string() }),
        message: v.optional(v.string(), ''),
        count: v.nullish(v.number()),
        firstTimestamp: v.nullish(v.string()),
        lastTimestamp: v.nullish(v.string()),
      }),
    ),
  ),
})
export type Event = NonNullable<v.InferOutput<typeof eventsSchema>['items']>[number]

/** Which Events: of which kind of object, or of one, and why they were reported. */
interface EventQuery {
  readonly kind: string
  readonly namespace?: string | undefined
  readonly name?: string
  readonly reason: string
  readonly type: 'Normal' | 'Warning'
}

/** What controllers have reported within the hour that Events are kept for. */
export async function eventsOf(cluster: Cluster, { kind, namespace, name, reason, type }: EventQuery): Promise<readonly Event[]> {
  const one = name === undefined ? '' : `involvedObject.name=${name},`
  const fields = `involvedObject.kind=${kind},${one}reason=${reason},type=${type}`
  const path = await cluster.collection({ apiVersion: 'v1', kind: 'Event' }, { ...(namespace === undefined ? {} : { namespace }), fields })
  return v.parse(eventsSchema, await cluster.read(`${path}&limit=5000`)).items ?? []
}
