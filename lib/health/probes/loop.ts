import * as v from 'valibot'
import type { Cluster } from '../../cluster/cluster.ts'
import { kinds } from '../../cluster/objects.ts'
import { showDuration } from '../../duration.ts'
import type { FluxObject } from '../flux-object.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import { problems } from '../problems.ts'

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

/** So many changes that no commit accounts for are a loop, if the last is no older than this, in milliseconds. */
const tooMany = 3
const recently = 15 * 60_000

/**
 * Nothing keeps changing without a commit. kustomize-controller and the operator tell of each change that they made in an Event, and of
 * none where they had nothing to change; the API counts those that are alike, and keeps them for an hour. From the changes to one object
 * those are taken off that a new build accounts for: a Kustomization's history has an entry for each. helm-controller's history itself
 * shows the same chart with the same values released over and over.
 */
export const loop: Probe = {
  id: 'loop',
  title: 'Recursive reconciliation',
  async look(scene) {
    const { cluster, kubectl, now } = scene
    const [{ all, byName }, ...events] = await Promise.all([
      scene.objects(),
      changesBy(cluster, kinds.kustomization.kind, 'Progressing'),
      changesBy(cluster, kinds.fluxInstance.kind, 'ReconciliationSucceeded'),
      changesBy(cluster, kinds.helmRelease.kind, 'DriftCorrected'),
    ])
    const next = (by: string): string => {
      const [kind, place] = by.split(' ')
      const [namespace, name] = (place ?? '').split('/')
      return `${kubectl} --namespace ${namespace} events --for ${kind?.toLowerCase()}/${name}`
    }
    const changing = [...tally(events.flat())].flatMap(([key, change]): Trouble[] => {
      const builds = (byName.get(change.by)?.history ?? []).filter(
        ({ firstReconciled }) => Date.parse(firstReconciled) >= change.first - 60_000,
      )
      const unexplained = change.count - builds.length
      if (unexplained < tooMany || now - change.last > recently) return []
      const reason = `was changed ${change.count} times in ${showDuration(change.last - change.first)} by ${change.by}, without as many commits`
      return [
        {
          object: key.slice(key.indexOf('\n') + 1),
          reason,
          since: new Date(change.first).toISOString(),
          next: next(change.by),
          problem: problems.loop,
        },
      ]
    })
    const releasing = all
      .filter((object) => object.ref.kind === kinds.helmRelease.kind)
      .flatMap((object) => releasedAgain(object, now, next(object.name)))
    const troubles = [...changing, ...releasing]
    return foundAmong(troubles.length === 0 ? 'nothing changes without a commit' : `${troubles.length} changing without a commit`, troubles)
  },
}

interface Change {
  readonly by: string
  readonly count: number
  readonly first: number
  readonly last: number
}

type Event = NonNullable<v.InferOutput<typeof eventsSchema>['items']>[number]

async function changesBy(cluster: Cluster, kind: string, reason: string): Promise<readonly Event[]> {
  const fields = `involvedObject.kind=${kind},reason=${reason},type=Normal`
  const path = await cluster.collection({ apiVersion: 'v1', kind: 'Event' }, { fields })
  return v.parse(eventsSchema, await cluster.read(`${path}&limit=5000`)).items ?? []
}

/** `ConfigMap/apps/shop configured`: one line for each object that was changed. */
const changed = /^(\S+\/\S+) (configured|changed|created|deleted)/

/** How often each object was changed, and by whom. */
function tally(events: readonly Event[]): ReadonlyMap<string, Change> {
  const changes = new Map<string, Change>()
  for (const { involvedObject, message, count, firstTimestamp, lastTimestamp } of events) {
    const by = `${involvedObject.kind} ${involvedObject.namespace}/${involvedObject.name}`
    for (const line of message.split('\n')) {
      const object = changed.exec(line.trim())?.[1]
      if (object === undefined) continue
      const key = `${by}\n${object.replace('/', ' ')}`
      const before = changes.get(key)
      const first = Date.parse(firstTimestamp ?? '')
      const last = Date.parse(lastTimestamp ?? '')
      changes.set(key, {
        by,
        count: (before?.count ?? 0) + (count ?? 1),
        first: Math.min(before?.first ?? first, first),
        last: Math.max(before?.last ?? last, last),
      })
    }
  }
  return changes
}

/** The same chart with the same values released at least three times, and not long ago. */
function releasedAgain({ name, history }: FluxObject, now: number, next: string): Trouble[] {
  const [newest] = history
  if (newest === undefined || now - Date.parse(newest.lastDeployed) > recently) return []
  const alike = history.filter(
    ({ chartVersion, configDigest }) => chartVersion === newest.chartVersion && configDigest === newest.configDigest,
  )
  if (alike.length < tooMany) return []
  const since = alike.at(-1)?.lastDeployed ?? ''
  const reason = `released chart ${newest.chartVersion} with the same values ${alike.length} times in ${showDuration(now - Date.parse(since))}`
  return [{ object: name, reason, since, next, problem: problems.loop }]
}
