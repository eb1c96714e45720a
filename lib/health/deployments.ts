import * as v from 'valibot'
import { deletionOf, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import { conditionsOf, troubleOf as waitingReasons } from '../kubernetes/readiness.ts'
import { isSelected, selectorOf } from '../kubernetes/selector.ts'
import { findLostPods } from './lost-nodes.ts'
import type { Trouble } from './probe.ts'
import type { Snapshot } from './snapshot.ts'

const deploymentSchema = v.object({
  spec: v.object({ replicas: v.optional(v.number(), 1) }),
  status: v.optional(v.object({ availableReplicas: v.optional(v.number(), 0) }), {}),
})
const endSchema = v.object({
  terminated: v.optional(
    v.object({
      exitCode: v.optional(v.number(), 0),
      reason: v.optional(v.string(), ''),
      finishedAt: v.optional(v.string(), ''),
    }),
  ),
})
const podSchema = v.object({
  status: v.object({
    containerStatuses: v.optional(
      v.array(
        v.object({
          restartCount: v.optional(v.number(), 0),
          state: v.optional(endSchema, {}),
          lastState: v.optional(endSchema, {}),
        }),
      ),
      [],
    ),
  }),
})

const startSchema = v.object({
  status: v.optional(
    v.object({
      containerStatuses: v.optional(
        v.array(
          v.object({ state: v.optional(v.object({ running: v.optional(v.object({ startedAt: v.optional(v.string(), '') })) }), {}) }),
        ),
        [],
      ),
    }),
    {},
  ),
})

/** Since when the pods of a Deployment run, in milliseconds: when the last of their containers started; `-Infinity` where none does. */
export function runningSince(deployment: KubeObject, pods: readonly KubeObject[]): number {
  const own = pods.filter((pod) => isSelected(deployment, pod))
  const started = own.flatMap((pod) =>
    (v.parse(startSchema, pod).status.containerStatuses ?? []).map(({ state }) => state.running?.startedAt),
  )
  return Math.max(-Infinity, ...started.map((time) => Date.parse(time ?? '')).filter((time) => !Number.isNaN(time)))
}

/** A controller that restarted longer ago than this has got over it, in milliseconds. */
const recently = 10 * 60_000

/** What is wrong with a Deployment: `fail` where it is not available, `warn` where it restarted a while ago. */
export async function judgeDeployment(
  deployment: KubeObject,
  snapshot: Pick<Snapshot, 'cluster' | 'get' | 'kubectl' | 'now' | 'pods'>,
): Promise<{ fail?: Trouble; warn?: Trouble }> {
  const { spec, status } = v.parse(deploymentSchema, deployment)
  const pods = (await snapshot.pods()).filter((pod) => isSelected(deployment, pod))
  const object = nameOf(refOf(deployment))
  const selector = selectorOf(deployment)
  const logs = `${snapshot.kubectl} --namespace ${deployment.metadata.namespace} logs --selector ${/[ !]/.test(selector) ? `'${selector}'` : selector} --tail=50`
  const describe = `${snapshot.kubectl} --namespace ${deployment.metadata.namespace} describe deployment ${deployment.metadata.name}`
  const deletion = deletionOf(deployment)
  if (deletion !== undefined) return { fail: { object, reason: deletion, next: describe } }
  if (spec.replicas === 0) {
    const reason = 'is scaled to 0: its work is not done'
    return { fail: { object, reason, next: scaleUp(deployment, snapshot.kubectl), damage: 'scaled-to-zero' } }
  }
  if (status.availableReplicas < spec.replicas) {
    const killed = pods.flatMap((pod) => v.parse(podSchema, pod).status.containerStatuses).some(isKilledForMemory)
    const memory = killed ? [`OOMKilled: it needs more memory than its limit of ${memoryLimit(deployment)}`] : []
    const refused = conditionsOf(deployment).filter(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True')
    const reasons = [...memory, ...new Set([...pods.flatMap(waitingReasons), ...refused.map(({ message }) => message)])]
    const since = conditionsOf(deployment).find(({ type }) => type === 'Available')?.lastTransitionTime ?? ''
    const lost = await findLostPods(snapshot, pods)
    const about = lost.map(({ pod, node, state }) => `Pod ${pod.metadata.name} is on Node ${node}, which ${state}`)
    const why = reasons.length + about.length === 0 ? '' : `: ${[...about, ...reasons].join('; ')}`
    const reason = `${status.availableReplicas} of ${spec.replicas} pods available${why}`
    const next = killed ? raiseLimit(deployment) : lost[0] === undefined ? logs : `${snapshot.kubectl} describe node ${lost[0].node}`
    const damage = lost.length === 0 ? {} : { damage: 'node-lost' as const }
    return { fail: { object, reason, ...(since === '' ? {} : { since }), next, ...damage } }
  }
  const restarted = pods
    .flatMap((pod) => v.parse(podSchema, pod).status.containerStatuses)
    .filter(({ lastState }) => {
      const ended = lastState.terminated?.finishedAt ?? ''
      return ended !== '' && snapshot.now - Date.parse(ended) < recently
    })
  const [first] = restarted
  const last = first?.lastState.terminated
  if (first === undefined || last === undefined) return {}
  const isMemory = last.reason === 'OOMKilled'
  const over = isMemory ? `: it needed more memory than its limit of ${memoryLimit(deployment)}` : ''
  const reason = `restarted ${first.restartCount} times; the last time it ended with ${last.reason === '' ? '' : `${last.reason}, `}exit code ${last.exitCode}${over}`
  return { warn: { object, reason, since: last.finishedAt, next: isMemory ? raiseLimit(deployment) : `${logs} --previous` } }
}

type ContainerStatus = v.InferOutput<typeof podSchema>['status']['containerStatuses'][number]

/** Its last end, or the one that it has not started again after. */
function isKilledForMemory({ state, lastState }: ContainerStatus): boolean {
  return [state, lastState].some(({ terminated }) => terminated?.reason === 'OOMKilled')
}

const limitsSchema = v.object({
  spec: v.object({
    template: v.object({
      spec: v.object({
        containers: v.tupleWithRest(
          [v.object({ resources: v.optional(v.object({ limits: v.optional(v.object({ memory: v.optional(v.string(), '') })) })) })],
          v.unknown(),
        ),
      }),
    }),
  }),
})

function memoryLimit(deployment: KubeObject): string {
  const read = v.safeParse(limitsSchema, deployment)
  return (read.success ? read.output.spec.template.spec.containers[0].resources?.limits?.memory : undefined) ?? 'unknown size'
}

/** The setting that says how much memory this Deployment of Flux may have. */
function raiseLimit({ metadata: { name } }: KubeObject): string {
  const setting = limitSettings.find(([start]) => name.startsWith(start))?.[1] ?? 'controllers_memory_limit'
  return `raise its memory limit in Git to twice that (${setting} in settings.yaml), and push`
}

const limitSettings = [
  ['flux-operator', 'operator_memory_limit'],
  ['kustomize-', 'kustomize_memory_limit'],
] as const

function scaleUp({ metadata }: KubeObject, kubectl: string): string {
  return `${kubectl} --namespace ${metadata.namespace} scale deployment ${metadata.name} --replicas=1`
}
