import * as v from 'valibot'
import type { Cluster } from './cluster.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from './objects.ts'

/** Whether an object has come to what its spec asks for. */
export type Readiness =
  | { readonly is: 'ready'; readonly message: string }
  | { readonly is: 'waiting'; readonly on: string }
  /** It will not get there by itself. */
  | { readonly is: 'failed'; readonly reason: string }

const conditionSchema = v.object({
  type: v.string(),
  status: v.string(),
  reason: v.optional(v.string(), ''),
  message: v.optional(v.pipe(v.string(), v.trim()), ''), // kustomize-controller's end with a line's end
  observedGeneration: v.optional(v.number()),
  lastTransitionTime: v.optional(v.string(), ''),
})
export type Condition = v.InferOutput<typeof conditionSchema>

/** That the object has this condition, and it is True. */
export function isTrue(object: KubeObject, type: string): boolean {
  const { status } = v.parse(fluxSchema, object)
  return (status.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True')
}

const fluxSchema = v.object({
  spec: v.optional(v.object({ suspend: v.optional(v.boolean(), false) }), {}),
  status: v.optional(
    v.looseObject({ observedGeneration: v.optional(v.number()), conditions: v.nullish(v.array(conditionSchema), []) }),
    {},
  ),
})

/**
 * The readiness of an object of Flux: suspended fails at once, then the generation seen, then Ready (flux2, objectReconciled).
 * A FluxInstance has no status.observedGeneration; its conditions have.
 */
export function readinessOf(object: KubeObject): Readiness {
  const { spec, status } = v.parse(fluxSchema, object)
  const name = nameOf(refOf(object))
  if (spec.suspend) return { is: 'failed', reason: `${name} is suspended` }
  const generation = object.metadata.generation ?? 0
  const conditions = status.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  const stalled = conditions.find(({ type, status: is }) => type === 'Stalled' && is === 'True')
  if (stalled !== undefined && (stalled.observedGeneration ?? generation) === generation) {
    return { is: 'failed', reason: `${name} is stalled (${stalled.reason}): ${stalled.message}` }
  }
  if (ready === undefined || (ready.observedGeneration ?? generation) < generation)
    return { is: 'waiting', on: `${name}: not looked at yet` }
  if (ready.status !== 'True') return { is: 'waiting', on: `${name}: ${ready.reason}: ${ready.message}` }
  // A controller that failed leaves status.observedGeneration behind, and says why in Ready; only its success counts by it.
  if ((status.observedGeneration ?? generation) < generation) return { is: 'waiting', on: `${name}: not looked at yet` }
  return { is: 'ready', message: ready.message }
}

const deploymentSchema = v.object({
  spec: v.object({
    replicas: v.optional(v.number(), 1),
    selector: v.object({ matchLabels: v.optional(v.record(v.string(), v.string()), {}) }),
  }),
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
  const { spec, status } = v.parse(deploymentSchema, deployment)
  const { observedGeneration, updatedReplicas, availableReplicas, replicas } = status
  const count = `${ref.name} ${availableReplicas}/${spec.replicas}`
  const isCurrent = observedGeneration >= (deployment.metadata.generation ?? 0)
  if (isCurrent && updatedReplicas === spec.replicas && replicas === spec.replicas && availableReplicas === spec.replicas) {
    return { is: 'ready', message: count }
  }
  const labels = Object.entries(spec.selector.matchLabels).map(([name, value]) => `${name}=${value}`)
  const namespace = ref.namespace === undefined ? {} : { namespace: ref.namespace }
  const pods = await cluster.list(kinds.pod, { ...namespace, labels: labels.join(',') })
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
