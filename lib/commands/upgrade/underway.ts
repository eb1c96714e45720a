import { controllerOf, deploymentsOf, unavailableOf } from '../../flux/components.ts'
import { readFluxCrds } from '../../flux/crds.ts'
import { conditionOf, type FluxObject, needsOf, parseFluxObject } from '../../flux/object.ts'
import { ownObjects } from '../../flux/own-objects.ts'
import { type FluxObjects, readFluxObjects } from '../../flux/read-objects.ts'
import { requestReconcile } from '../../flux/reconcile-request.ts'
import { type FluxPlace, refsIn } from '../../flux/refs.ts'
import { type Cause, judgeAll, type Judgement } from '../../health/assess.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { ApiError } from '../../kubernetes/http.ts'
import { refOf } from '../../kubernetes/objects.ts'
import type { Step, StepContext } from '../../runner/step.ts'
import { type Activity, watchActivity } from './activity.ts'
import { tagsStatus } from './steps/rollout.ts'
import type { Tags } from './steps/missing-images.ts'

const minute = 60_000
/** How often one object is asked for again, in milliseconds: its controller has to get to it first. */
const askedEvery = minute / 2

/** The Flux objects of a cluster, and how each is. */
interface FluxState {
  readonly objects: FluxObjects
  readonly judged: ReadonlyMap<string, Judgement>
  readonly now: number
}

/** What else decides whether a version has failed. */
interface Proofs {
  /** The version's tags, which the controllers must have; undefined where they are checked elsewhere. */
  readonly images?: Tags
  /** That something has failed because of the version. */
  readonly hasFailed?: (cluster: Cluster) => Promise<boolean>
}

/**
 * The step, which waits for the objects that bring Flux. After a restart its controllers reconcile everything there is, those among hundreds
 * of others. They are asked for: a request goes before what only the restart has queued, though not before what a source's new artifact has
 * (controller-runtime's priority queue). Where `--timeout` ends before their turn, the version has not failed.
 */
export function whileUnderway(step: Step, place: FluxPlace, { images, hasFailed }: Proofs = {}): Step {
  const own = ownObjects(place)
  const activity = watchActivity(own)
  const asked = new Map<string, number>()
  const see = async (cluster: Cluster): Promise<FluxState | undefined> => {
    try {
      const objects = await readFluxObjects(cluster, await readFluxCrds(cluster))
      const now = cluster.endpoint.now()
      activity.note(objects.all, now)
      return { objects, judged: judgeAll(objects, now), now }
    } catch {
      cluster.signal.throwIfAborted()
      return undefined // an odd object of another's ends no upgrade
    }
  }
  return {
    ...step,
    async check(run) {
      const status = await step.check(run)
      const meanwhile = activity.describe()
      return status.is !== 'waiting' || meanwhile === undefined ? status : { ...status, on: `${status.on} (${meanwhile})` }
    },
    async nudge(run) {
      await step.nudge?.(run)
      const seen = await see(run.cluster)
      for (const { name, ref } of seen === undefined ? [] : queuedAmong(own, seen)) {
        if (Date.now() - (asked.get(name) ?? -Infinity) < askedEvery) continue
        asked.set(name, Date.now())
        await requestReconcile(run.cluster, ref).catch(unlessRefused)
      }
    },
    async whyUnfinished({ cluster }: StepContext) {
      if (!(await isRunning(cluster, place, images)) || (await hasFailed?.(cluster)) === true) return undefined
      const seen = await see(cluster)
      if (seen === undefined) return undefined
      const isWaiting = isUnderway(own, seen, activity) ?? (images !== undefined && (await isInstanceAtWork(cluster, place)))
      return isWaiting ? 'Nothing has failed: all controllers are available and at work' : undefined
    },
  }
}

/** It would come to its turn without: only the loss of the lock ends the run. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof ApiError)) throw error
}

/** Whether the operator and all controllers are available, with the images of the version. */
async function isRunning(cluster: Cluster, { namespace }: FluxPlace, images: Tags | undefined): Promise<boolean> {
  const keepers = await Promise.all([deploymentsOf(cluster, namespace, 'operator'), deploymentsOf(cluster, namespace, 'controllers')])
  if ((await unavailableOf(cluster, keepers.flat().map(refOf))).length > 0) return false
  if (images === undefined) return true
  return Object.keys(images).length > 0 && (await tagsStatus(cluster, namespace, images, undefined)).is === 'done'
}

/** Whether the operator is in the middle of an attempt that may take as long. */
async function isInstanceAtWork(cluster: Cluster, place: FluxPlace): Promise<boolean> {
  const { instance: ref } = refsIn(place)
  const instance = ref === undefined ? undefined : await cluster.get(ref)
  return ref !== undefined && instance !== undefined && isAtWork(parseFluxObject(instance, ref, true), cluster.endpoint.now())
}

/** Whether its controller is working on it, for no longer than one attempt may take. */
function isAtWork(object: FluxObject, now: number): boolean {
  const ready = conditionOf(object, 'Ready')
  return ready?.status === 'Unknown' && now - Date.parse(ready.lastTransitionTime) <= object.attempt + minute
}

/**
 * Whether what is not Ready of the objects that bring Flux will yet be: none of them has failed, and each is being reconciled, or its
 * controller has others before it. Undefined where all of them are Ready, and something else is waited for.
 */
export function isUnderway(own: ReadonlySet<string>, { objects, judged, now }: FluxState, activity: Activity): boolean | undefined {
  const busy = new Set(
    objects.all.filter((object) => judged.get(object.name)?.is === 'busy' && isAtWork(object, now)).map(({ ref }) => controllerOf(ref)),
  )
  const waiting = objects.all.filter(({ name }) => own.has(name) && judged.get(name)?.is !== 'healthy')
  if (waiting.length === 0) return undefined
  return waiting.every((object) => {
    const judgement = judged.get(object.name)
    // What it waits for is one of these too, or not the version's concern.
    if (judgement?.is === 'waits' || (judgement?.is === 'busy' && isAtWork(object, now))) return true
    const controller = controllerOf(object.ref)
    return isQueued(judgement) && (busy.has(controller) || activity.isAtWork(controller, now))
  })
}

/** `artifact-lost`: with the storage of a pod that was restarted. */
const queuedCauses: readonly Cause[] = ['ignored', 'outdated', 'artifact-lost']

/** Whether there is nothing to it but that its controller has still to come to it. */
function isQueued(judgement: Judgement | undefined): boolean {
  if (judgement?.is === 'fails') return queuedCauses.includes(judgement.cause)
  return judgement?.is === 'due' || judgement?.is === 'busy'
}

/**
 * The objects that bring Flux and are to be asked for: those in the queue and, as an artifact that was lost with the pod's storage shows only in
 * what needs it, their sources. What is being reconciled is left alone: a new request would cut its health checks short.
 */
export function queuedAmong(own: ReadonlySet<string>, { objects, judged, now }: FluxState): readonly FluxObject[] {
  const queued = objects.all.filter((object) => own.has(object.name) && isQueued(judged.get(object.name)) && !isAtWork(object, now))
  const names = new Set(queued.flatMap((object) => [object.name, ...needsOf(object).filter((need) => own.has(need))]))
  return objects.all.filter((object) => names.has(object.name) && object.askedAt === undefined && !isAtWork(object, now))
}
