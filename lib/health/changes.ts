import { inventoryOf } from '../flux/inventory.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/http.ts'
import { getMetadata } from '../kubernetes/metadata.ts'
import { nameOf, type Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { parseDuration, showDuration } from '../base/duration.ts'
import { type FluxObject, parseFluxObject } from '../flux/object.ts'
import { type Event, eventsOf } from './events.ts'
import { lastWriteBy } from './last-write.ts'
import { newestCause, requestedAt, millisecondsOf } from './newest-cause.ts'
import type { Snapshot } from './snapshot.ts'
import { versionChanges } from '../runner/run-event.ts'
import { reconcileEvery } from '../flux/annotations.ts'

/** Something of Flux that keeps writing to an object, as far as one reading can tell. */
export interface Suspect {
  /** What is written: `ConfigMap apps/shop` */
  readonly object: string
  /** Who writes: `Kustomization apps/shop` */
  readonly by: string
  readonly doer: Ref
  /** As shown to people: `was changed 4 times in 2 m by Kustomization apps/shop` */
  readonly what: string
  /** Since when, in milliseconds. */
  readonly first: number
  /** How often its controller looks, in milliseconds. */
  readonly interval: number
  /** When there was last a reason to change anything. */
  readonly cause: number
  /** When there was last a reason, read again. */
  readonly newestCause: () => Promise<number>
  /** Whether all of it has happened since there was last a reason for it. */
  readonly isUnprovoked: boolean
}

/** An object that was written, and by whom, as Events show it. */
export interface ChangeCount {
  readonly object: string
  readonly by: string
  readonly count: number
  /** When it was first and last changed, in milliseconds. */
  readonly first: number
  readonly last: number
}

/** Fewer changes than these are not a loop. */
export const tooMany = 3
const minute = 60_000

/**
 * What may keep changing without a cause. kustomize-controller, helm-controller and the operator report each change that they made in an
 * Event; the API counts those that are alike. How many causes there were meanwhile cannot be counted: a Kustomization's history merges
 * builds that are alike, Events of sources expire and are rationed. So a change counts as explained if nothing was changed since the newest
 * cause but by its own application; else it is a suspicion, which only a second reading can prove.
 */
export async function findSuspects(snapshot: Pick<Snapshot, 'cluster' | 'objects' | 'instance' | 'now'>): Promise<Suspect[]> {
  const { cluster, now } = snapshot
  const instance = await snapshot.instance()
  const [{ byName }, versions, ...events] = await Promise.all([
    snapshot.objects(),
    versionChanges(cluster, instance?.metadata.namespace ?? ''),
    eventsOf(cluster, { kind: fluxKinds.kustomization.kind, reason: 'Progressing', type: 'Normal' }),
    eventsOf(cluster, { kind: fluxKinds.fluxInstance.kind, reason: 'ReconciliationSucceeded', type: 'Normal' }),
    eventsOf(cluster, { kind: fluxKinds.helmRelease.kind, reason: 'DriftCorrected', type: 'Normal' }),
  ])
  const own = instance === undefined ? undefined : parseFluxObject(instance, fluxKinds.fluxInstance, true)
  const every = reconcileEvery(instance)
  const doerOf = (name: string): FluxObject | undefined => byName.get(name) ?? (name === own?.name ? own : undefined)
  // What one did that is gone, or was recreated since, is over.
  const living = events.flat().filter((event) => {
    const doer = doerOf(nameIn(event))
    return doer !== undefined && Date.parse(event.firstTimestamp ?? '') >= Date.parse(doer.createdAt)
  })
  const causes = new Map<string, Promise<number>>()
  const causeFor = (doer: FluxObject): Promise<number> => {
    const cause = causes.get(doer.name) ?? newestCause(cluster, doer.ref, sourceOf(doer, byName))
    causes.set(doer.name, cause)
    return cause
  }
  const inventories = new Map<string, Promise<readonly Ref[]>>()
  const inventoryFor = (doer: FluxObject): Promise<readonly Ref[]> => {
    const inventory = inventories.get(doer.name) ?? readInventory(cluster, doer.ref)
    inventories.set(doer.name, inventory)
    return inventory
  }
  const found = await Promise.all(
    tally(living).map(async (changing): Promise<Suspect[]> => {
      const doer = doerOf(changing.by)
      if (doer === undefined || changing.count < tooMany) return []
      const interval = parseDuration(doer === own ? every : doer.interval) ?? minute
      const held = (await inventoryFor(doer)).find((ref) => nameOf(ref) === changing.object)
      // Events are rationed, and tell less and less of who changes much; the object itself tells when that was last.
      const last = Math.max(changing.last, held === undefined ? -Infinity : await lastWrite(cluster, doer.ref, held))
      if (isOver(last, interval, now)) return []
      const target = byName.get(changing.object)
      const asked = Math.max(millisecondsOf(target?.askedAt), millisecondsOf(target?.handledAt))
      // An upgrade and its rollback change Flux again and again within minutes, and the operator reports it like any change.
      const cause = Math.max(await causeFor(doer), asked, ...(doer === own ? versions : []))
      // What is asked of the object itself is removed whenever the doer looks next.
      if (last <= Math.max(cause, asked + interval) + settling(doer, interval)) return []
      const again = async (): Promise<number> =>
        Math.max(await newestCause(cluster, doer.ref, sourceOf(doer, byName)), await newestRequest(cluster, target?.ref))
      return [suspect(changing, doer, { interval, cause, newestCause: again })]
    }),
  )
  return found.flat()
}

async function readInventory(cluster: Cluster, ref: Ref): Promise<readonly Ref[]> {
  const object = await cluster.get(ref)
  return object === undefined ? [] : inventoryOf(object)
}

/** Who may not read the object knows of it what Events show. */
async function lastWrite(cluster: Cluster, doer: Ref, held: Ref): Promise<number> {
  const object = await getMetadata(cluster, held).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  })
  return object === undefined ? -Infinity : lastWriteBy(doer, object)
}

function suspect(changing: ChangeCount, { ref }: FluxObject, known: Pick<Suspect, 'interval' | 'cause' | 'newestCause'>): Suspect {
  const { object, by, count, first, last } = changing
  const what = `was changed ${count} times in ${showDuration(last - first)} by ${by}`
  // Its first change may be the cause's own.
  const isUnprovoked = first >= known.cause && count > tooMany
  return { object, by, doer: ref, what, first, isUnprovoked, ...known }
}

function sourceOf({ source }: FluxObject, byName: ReadonlyMap<string, FluxObject>): Ref | undefined {
  return source === undefined ? undefined : byName.get(source)?.ref
}

/** The operator removes what `flux reconcile` asks of its own objects, and reports that like any change: asking is a cause too. */
async function newestRequest(cluster: Cluster, ref: Ref | undefined): Promise<number> {
  const object = ref === undefined ? undefined : await cluster.get(ref)
  return object === undefined ? -Infinity : requestedAt(object)
}

/** It would have been changed again by now. */
function isOver(last: number, interval: number, now: number): boolean {
  return now - last > 2 * interval + minute
}

/**
 * How long after a cause a change may still be that cause's own, in milliseconds. What goes round in a circle is back within an interval:
 * no more is needed to tell. The operator reports what it changed only once all of it is Ready.
 */
function settling({ ref }: FluxObject, interval: number): number {
  return ref.kind === fluxKinds.fluxInstance.kind ? 6 * minute : Math.min(interval, 5 * minute)
}

/** `Kustomization apps/shop` */
function nameIn({ involvedObject: { kind, namespace, name } }: Event): string {
  return `${kind} ${namespace}/${name}`
}

/** `ConfigMap/apps/shop configured`: one line for each object that was changed. What was `created` had been deleted: that is not a circle. */
const changed = /^([^\s/]+\/\S+) (configured|changed)/

/** How often each object was changed by each that changes it. */
function tally(events: readonly Event[]): ChangeCount[] {
  const changes = new Map<string, ChangeCount>()
  for (const event of events) {
    const { message, count, firstTimestamp, lastTimestamp } = event
    const by = nameIn(event)
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
