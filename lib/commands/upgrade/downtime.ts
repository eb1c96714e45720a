import * as v from 'valibot'
import type { Cluster } from '../../kubernetes/client.ts'
import { type Kind, kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { isTrue } from '../../kubernetes/readiness.ts'
import { watch } from '../../kubernetes/watch.ts'

/** For how long each controller did not work while its image changed: from the last moment of the old pod to the first of the new. */
export interface Pauses {
  /** Watches from now on; called again, it continues. */
  readonly start: (cluster: Cluster) => void
  /** In milliseconds, of the controllers whose new pod works. */
  readonly measured: () => Readonly<Record<string, number>>
  readonly stop: () => void
}

/** What is measured, from what is seen of pods and leases and when. */
export interface Stopwatch {
  readonly see: (object: KubeObject, isGone: boolean, now: number) => void
  readonly measured: () => Readonly<Record<string, number>>
}

/**
 * Watches a namespace's pods and leases.
 * @param before each controller's image tag before
 */
export function createPauses(namespace: string, before: Readonly<Record<string, string>>): Pauses {
  const stopwatch = createStopwatch(before)
  const stopped = new AbortController()
  let isStarted = false
  const follow = async (cluster: Cluster, kind: Kind): Promise<void> => {
    for await (const event of watch(cluster, kind, { namespace }, AbortSignal.any([cluster.signal, stopped.signal]))) {
      if (event.type === 'all') for (const object of event.objects) stopwatch.see(object, false, Date.now())
      else stopwatch.see(event.object, event.type === 'gone', Date.now())
    }
  }
  return {
    start(cluster) {
      if (isStarted) return
      isStarted = true
      // A measurement that breaks off leaves its controller unmeasured, and the upgrade alone.
      for (const kind of [kinds.pod, kinds.lease]) void follow(cluster, kind).catch(() => undefined)
    },
    measured: stopwatch.measured,
    stop: () => stopped.abort(),
  }
}

const podSchema = v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) })
const leaseSchema = v.object({ spec: v.object({ holderIdentity: v.nullish(v.string(), '') }) })
const election = '-leader-election'

interface Controller {
  readonly oldTag: string
  /** Which pod works, where the controllers elect one. */
  holder: string
  readonly pods: Map<string, 'old' | 'new'>
  oldUntil: number | undefined
  newFrom: number | undefined
  wasWorking: boolean
  /** What began to watch only when the new pod worked has no pause to tell. */
  hasSeenOld: boolean
}

/** A pod works when it is ready and, where there is an election, has won it. */
export function createStopwatch(before: Readonly<Record<string, string>>): Stopwatch {
  const controllers = new Map(
    Object.entries(before).map(([name, oldTag]): [string, Controller] => [
      name,
      { oldTag, holder: '', pods: new Map(), oldUntil: undefined, newFrom: undefined, wasWorking: false, hasSeenOld: false },
    ]),
  )
  const update = (controller: Controller, now: number): void => {
    const { pods, holder } = controller
    const working = [...pods].flatMap(([pod, is]) => (holder === '' || holder.startsWith(`${pod}_`) ? [is] : []))
    const isWorking = working.includes('old')
    controller.hasSeenOld ||= isWorking
    if (controller.wasWorking && !isWorking) controller.oldUntil = now
    controller.wasWorking = isWorking
    if (working.includes('new')) controller.newFrom ??= now
  }
  const seePod = (pod: KubeObject, isGone: boolean): Controller | undefined => {
    const controller = controllers.get(pod.metadata.labels.app ?? '')
    if (controller === undefined) return undefined
    const tag = v.parse(podSchema, pod).spec.containers[0]?.image.split('@')[0]?.split(':').at(-1)
    const isReady = !isGone && pod.metadata.deletionTimestamp === undefined && isTrue(pod, 'Ready')
    if (isReady) controller.pods.set(pod.metadata.name, tag === controller.oldTag ? 'old' : 'new')
    else controller.pods.delete(pod.metadata.name)
    return controller
  }
  const seeLease = (lease: KubeObject, isGone: boolean): Controller | undefined => {
    const controller = controllers.get(lease.metadata.name.replace(election, ''))
    if (controller === undefined || !lease.metadata.name.endsWith(election)) return undefined
    controller.holder = isGone ? '' : (v.parse(leaseSchema, lease).spec.holderIdentity ?? '')
    return controller
  }
  return {
    see(object, isGone, now) {
      const controller = object.kind === kinds.pod.kind ? seePod(object, isGone) : seeLease(object, isGone)
      if (controller !== undefined) update(controller, now)
    },
    measured() {
      const found = [...controllers].flatMap(([name, { oldUntil, newFrom, hasSeenOld }]): [string, number][] =>
        newFrom === undefined || !hasSeenOld ? [] : [[name, Math.max(0, newFrom - (oldUntil ?? newFrom))]],
      )
      return Object.fromEntries(found)
    },
  }
}
