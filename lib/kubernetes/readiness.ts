import * as v from 'valibot'
import type { Cluster } from './client.ts'
import { selectorOf } from './selector.ts'
import { deletionOf, kinds, type KubeObject, nameOf, type Ref } from './objects.ts'

/** Whether an object has come to what its spec asks for. */
export type Readiness =
  | { readonly is: 'ready'; readonly message: string }
  /** `because` is the condition that says why, where one does. */
  | { readonly is: 'waiting'; readonly on: string; readonly because?: Condition }
  /** It will not get there by itself. */
  | { readonly is: 'failed'; readonly reason: string; readonly because?: Condition }

export const conditionSchema = v.object({
  type: v.string(),
  status: v.string(),
  reason: v.nullish(v.string(), ''),
  message: v.nullish(v.pipe(v.string(), v.trim()), ''), // kustomize-controller's end with a line's end
  observedGeneration: v.optional(v.number()),
  lastTransitionTime: v.nullish(v.string(), ''), // Go writes a time that was never set as null
})
export type Condition = v.InferOutput<typeof conditionSchema>

const conditionsSchema = v.object({
  status: v.optional(v.object({ conditions: v.nullish(v.array(conditionSchema)) }), {}),
})

/** The conditions in an object's status, of whatever kind it is. */
export function conditionsOf(object: KubeObject): readonly Condition[] {
  return v.parse(conditionsSchema, object).status.conditions ?? []
}

/** That the object has this condition, and it is True. */
export function isTrue(object: KubeObject, type: string): boolean {
  return conditionsOf(object).some((condition) => condition.type === type && condition.status === 'True')
}

const deploymentSchema = v.object({
  spec: v.object({ replicas: v.optional(v.number(), 1) }),
  status: v.optional(
    v.object({
      observedGeneration: v.optional(v.number(), 0),
      updatedReplicas: v.optional(v.number(), 0),
      availableReplicas: v.optional(v.number(), 0),
      replicas: v.optional(v.number(), 0),
    }),
    {},
  ),
})

/** Whether a Deployment's newest pods, and only they, are available; if not, why its pods wait. */
export async function deploymentReadiness(cluster: Cluster, ref: Ref): Promise<Readiness> {
  const deployment = await cluster.get(ref)
  if (deployment === undefined) return { is: 'waiting', on: `${nameOf(ref)} does not exist` }
  const deletion = deletionOf(deployment)
  if (deletion !== undefined) return { is: 'waiting', on: `${nameOf(ref)} ${deletion}` }
  const { spec, status } = v.parse(deploymentSchema, deployment)
  const { observedGeneration, updatedReplicas, availableReplicas, replicas } = status
  const count = `${ref.name} ${availableReplicas}/${spec.replicas}`
  const isCurrent = observedGeneration >= (deployment.metadata.generation ?? 0)
  if (isCurrent && updatedReplicas === spec.replicas && replicas === spec.replicas && availableReplicas === spec.replicas) {
    return { is: 'ready', message: count }
  }
  const namespace = ref.namespace === undefined ? {} : { namespace: ref.namespace }
  const pods = await cluster.list(kinds.pod, { ...namespace, labels: selectorOf(deployment) })
  const reasons = [...new Set(pods.flatMap(troubleOf))]
  return { is: 'waiting', on: reasons.length === 0 ? count : `${count}: ${reasons.join('; ')}` }
}

const podSchema = v.object({
  status: v.object({
    containerStatuses: v.optional(
      v.array(
        v.object({
          restartCount: v.optional(v.number(), 0),
          state: v.optional(
            v.object({ waiting: v.optional(v.object({ reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') })) }),
            {},
          ),
        }),
      ),
      [],
    ),
  }),
})

/** Why a pod's containers wait, in the API's words: `ImagePullBackOff: …`. */
export function troubleOf(pod: KubeObject): string[] {
  return (v.parse(podSchema, pod).status.containerStatuses ?? []).flatMap(({ state, restartCount }) => {
    const reason = state.waiting?.reason ?? ''
    if (reason === '' || reason === 'ContainerCreating') return []
    const restarts = restartCount === 0 ? '' : ` after ${restartCount} restarts`
    return [`${reason}${restarts}${state.waiting?.message === '' ? '' : `: ${state.waiting?.message}`}`]
  })
}
