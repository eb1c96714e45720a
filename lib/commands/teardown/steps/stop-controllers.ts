import { counted } from '../../../base/counted.ts'
import * as v from 'valibot'
import { type Cluster, ignoreNotFound } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { deploymentsOf, type Keeper, podsOf } from '../../../flux/components.ts'
import { pendingReleases } from './helm-idle.ts'
import { recordTeardown, readTeardownState } from '../state.ts'

const replicasSchema = v.object({ spec: v.object({ replicas: v.optional(v.number(), 1) }) })
const replicasOf = (deployment: KubeObject): number => v.parse(replicasSchema, deployment).spec.replicas

/** Stops the operator, which would start the controllers again. */
export function ensureOperatorStopped(namespace: string): Step {
  return ensureStopped({ id: 'stop-operator', title: 'Stop flux-operator' }, namespace, ['operator'])
}

/**
 * Stops the controllers, until none of their pods is left: helm-controller first finishes what it releases, for up to ten minutes. The
 * operator belongs to it once more: while helm-controller lived it may have released it again.
 */
export function ensureControllersStopped(namespace: string): Step {
  return ensureStopped({ id: 'stop-controllers', title: "Stop Flux's controllers" }, namespace, ['controllers', 'operator'])
}

function ensureStopped(step: Pick<Step, 'id' | 'title'>, namespace: string, keepers: readonly Keeper[]): Step {
  const hurry = hurrier(namespace, keepers)
  const check = async ({ cluster }: StepContext): Promise<StepStatus> => {
    const deployments = (await Promise.all(keepers.map((keeper) => deploymentsOf(cluster, namespace, keeper)))).flat()
    const running = deployments.filter((deployment) => replicasOf(deployment) > 0)
    if (running.length > 0) {
      const names = running.map(({ metadata }) => metadata.name)
      return {
        is: 'todo',
        change: `scale ${names.join(', ')} to 0 and wait until no pod is left`,
        commands: [`kubectl --namespace ${namespace} scale deployment ${names.join(' ')} --replicas=0`],
      }
    }
    const pods = (await Promise.all(keepers.map((keeper) => podsOf(cluster, namespace, keeper)))).flat()
    const [lingering] = pods.filter((pod) => graceOf(pod) > patience)
    if (lingering !== undefined) {
      const { name } = lingering.metadata
      return {
        is: 'todo',
        change: `wait until ${name} has ended; ${patience} s are enough for it if no Helm release is pending`,
        commands: [`kubectl --namespace ${namespace} delete pod ${name} --grace-period=${patience}`],
      }
    }
    if (pods.length > 0) return { is: 'waiting', on: `${pods.map(({ metadata }) => metadata.name).join(', ')} to end` }
    return { is: 'done', detail: deployments.length === 0 ? 'there is no such Deployment' : 'none of its pods is left' }
  }
  const watches = [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } }))
  return {
    ...step,
    risk: 'change',
    check,
    // What is stopped last may still have started another: until all is still, what runs is scaled down again.
    async apply(run, progress) {
      const { cluster, memory } = run
      await waitUntil(cluster, {
        watches,
        timeout: run.timeout,
        check: () => check(run),
        isOver: (seen) => seen.is === 'done',
        async meanwhile(seen) {
          if (seen.is === 'waiting') progress(seen.on)
          await hurry(cluster, progress)
          const deployments = (await Promise.all(keepers.map((keeper) => deploymentsOf(cluster, namespace, keeper)))).flat()
          for (const deployment of deployments.filter((one) => replicasOf(one) > 0)) {
            const { replicas, stoppedAt = new Date().toISOString() } = readTeardownState(memory)
            // What runs again was not still when the fingerprint was taken.
            const noted = { ...replicas, [deployment.metadata.name]: replicasOf(deployment) }
            recordTeardown(memory, { replicas: noted, stoppedAt, isFingerprinted: false })
            const stopped = await cluster.patch(refOf(deployment), { spec: { replicas: 0 } }).catch(ignoreNotFound)
            // Gone, as with a namespace on its way out: the rollback has nothing to start again.
            if (stopped === undefined) recordTeardown(memory, { replicas })
          }
        },
      })
    },
    watches,
  }
}

/** How long a pod that is to end may take, in seconds, where it is in the middle of nothing. */
const patience = 30
/** A release that began before the pod was asked to end shows within this, in milliseconds. */
const settling = 10_000

const endingSchema = v.object({ metadata: v.object({ deletionGracePeriodSeconds: v.optional(v.number(), 0) }) })

/** How long a pod that has been asked to end may take, in seconds; 0 for one that has not. */
function graceOf(pod: KubeObject): number {
  return v.parse(endingSchema, pod).metadata.deletionGracePeriodSeconds
}

/**
 * helm-controller may take ten minutes to end, and does where it lost its rights and kinds in the middle of a reconciliation, as by
 * `flux uninstall` (seen). With no release pending there is nothing to wait for: its grace is cut short, and its node still says when it has
 * ended. How long it has been at it is measured here: the server's clock may be another.
 * @param now the clock, in milliseconds
 */
export function hurrier(
  namespace: string,
  keepers: readonly Keeper[],
  now: () => number = () => performance.now(),
): (cluster: Pick<Cluster, 'list' | 'remove'>, progress: (text: string) => void) => Promise<void> {
  const endingSince = new Map<string, number>()
  return async (cluster, progress) => {
    const pods = (await Promise.all(keepers.map((keeper) => podsOf(cluster, namespace, keeper)))).flat()
    const lingering = pods.filter((pod) => {
      if (graceOf(pod) <= patience) return false
      const { uid = '' } = pod.metadata
      const since = endingSince.get(uid) ?? now()
      endingSince.set(uid, since)
      return now() - since >= settling
    })
    if (lingering.length === 0 || (await pendingReleases(cluster)).length > 0) return
    for (const pod of lingering) {
      progress(`${pod.metadata.name} has nothing to finish: ${patience} s are left to it`)
      await cluster.remove(refOf(pod), { uid: pod.metadata.uid ?? '', graceSeconds: patience })
    }
  }
}

/** The rollback: as many replicas as there were, and available. */
export function ensureStarted(namespace: string): Step {
  return {
    id: 'start',
    title: 'Start flux-operator and the controllers again',
    risk: 'change',
    async check({ cluster, memory, where }) {
      const { replicas } = readTeardownState(memory)
      const refs = Object.keys(replicas).map((name) => ({ ...kinds.deployment, namespace, name }))
      for (const ref of refs) {
        const live = await cluster.get(ref)
        if (live === undefined) throw new OperatorError(`${nameOf(ref)} is gone`, { remedy: `npx zx scripts/bootstrap.ts ${where}` })
        if (replicasOf(live) !== replicas[ref.name]) {
          const commands = refs.map(({ name }) => `kubectl --namespace ${namespace} scale deployment ${name} --replicas=${replicas[name]}`)
          return { is: 'todo', change: `scale ${refs.map(({ name }) => name).join(', ')} up again`, commands }
        }
        const readiness = await deploymentReadiness(cluster, ref)
        if (readiness.is === 'waiting') return readiness
      }
      return { is: 'done', detail: refs.length === 0 ? 'none was stopped' : `${counted(refs.length, 'Deployment')} available` }
    },
    async apply({ cluster, memory }) {
      const { replicas } = readTeardownState(memory)
      recordTeardown(memory, { isFingerprinted: false })
      for (const [name, count] of Object.entries(replicas)) {
        await cluster.patch({ ...kinds.deployment, namespace, name }, { spec: { replicas: count } })
      }
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}
