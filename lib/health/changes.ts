import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds } from '../cluster/objects.ts'
import { parseDuration } from '../duration.ts'
import { type FluxObject, parseFluxObject } from './flux-object.ts'
import type { Scene } from './scene.ts'

/** An object that is changed over and over, and by whom. */
export interface Changing {
  /** `ConfigMap apps/shop` */
  readonly object: string
  /** `Kustomization apps/shop` */
  readonly by: string
  readonly count: number
  /** When it was first and last changed, in milliseconds. */
  readonly first: number
  readonly last: number
}

/** So many changes that no commit accounts for are a loop. */
export const tooMany = 3

/**
 * What keeps changing without a commit. kustomize-controller and the operator tell of each change that they made in an Event, and of none
 * where they had nothing to change; the API counts those that are alike, and keeps them for an hour. From the changes to one object
 * those are taken off that a new build accounts for: the history of a Kustomization, and of the FluxInstance, has an entry for each.
 */
export async function findChanging(scene: Pick<Scene, 'cluster' | 'objects' | 'instance' | 'now'>): Promise<Changing[]> {
  const { cluster, now } = scene
  const [{ byName }, instance, ...events] = await Promise.all([
    scene.objects(),
    scene.instance(),
    eventsOf(cluster, kinds.kustomization.kind, 'Progressing'),
    eventsOf(cluster, kinds.fluxInstance.kind, 'ReconciliationSucceeded'),
    eventsOf(cluster, kinds.helmRelease.kind, 'DriftCorrected'),
  ])
  const own = instance === undefined ? undefined : parseFluxObject(instance, kinds.fluxInstance, true)
  const doer = (name: string): FluxObject | undefined => byName.get(name) ?? (name === own?.name ? own : undefined)
  // What one did that is gone, or was made anew since with a history of its own, is over.
  const living = events.flat().filter((event) => {
    const by = doer(doerOf(event))
    return by !== undefined && Date.parse(event.firstTimestamp ?? '') >= Date.parse(by.createdAt)
  })
  return tally(living).filter((changing) => {
    const { history = [], interval = '' } = doer(changing.by) ?? {}
    const builds = history.map(({ firstReconciled }) => Date.parse(firstReconciled))
    const explained = builds.filter((at) => at >= changing.first - minute).length
    // The operator takes what `flux reconcile` asks off its own objects, and tells of that like of any change: not more can have been
    // real ones than the object has had generations since its first.
    const generations = changing.by === own?.name ? (byName.get(changing.object)?.generation ?? Infinity) - 1 : Infinity
    return Math.min(changing.count - explained, generations) >= tooMany && !isOver(changing, interval, builds, now)
  })
}

const minute = 60_000

/** It would have been changed again by now; or there has been a build since, which may well have mended it. */
function isOver({ last }: Changing, interval: string, builds: readonly number[], now: number): boolean {
  return now - last > 2 * (parseDuration(interval) ?? minute) + minute || builds.some((at) => at > last)
}

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
type Event = NonNullable<v.InferOutput<typeof eventsSchema>['items']>[number]

async function eventsOf(cluster: Cluster, kind: string, reason: string): Promise<readonly Event[]> {
  const fields = `involvedObject.kind=${kind},reason=${reason},type=Normal`
  const path = await cluster.collection({ apiVersion: 'v1', kind: 'Event' }, { fields })
  return v.parse(eventsSchema, await cluster.read(`${path}&limit=5000`)).items ?? []
}

/** `Kustomization apps/shop` */
function doerOf({ involvedObject: { kind, namespace, name } }: Event): string {
  return `${kind} ${namespace}/${name}`
}

/** `ConfigMap/apps/shop configured`: one line for each object that was changed. What was `created` had been deleted: that is no circle. */
const changed = /^(\S+\/\S+) (configured|changed)/

/** How often each object was changed by each that changes it. */
function tally(events: readonly Event[]): Changing[] {
  const changes = new Map<string, Changing>()
  for (const event of events) {
    const { message, count, firstTimestamp, lastTimestamp } = event
    const by = doerOf(event)
    for (const line of message.split('\n')) {
      const object = changed.exec(line.trim())?.[1]?.replace('/', ' ')
      if (object === undefined) continue
      const key = `${by}\n${object}`
      const before = changes.get(key)
      const [first, last] = [Date.parse(firstTimestamp ?? ''), Date.parse(lastTimestamp ?? '')]
      changes.set(key, {
        by,
        object,
        count: (before?.count ?? 0) + (count ?? 1),
        first: Math.min(before?.first ?? first, first),
        last: Math.max(before?.last ?? last, last),
      })
    }
  }
  return [...changes.values()]
}
