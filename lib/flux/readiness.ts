import * as v from 'valibot'
import { deletionOf, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import { conditionSchema, type Readiness } from '../kubernetes/readiness.ts'

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
  const deletion = deletionOf(object)
  if (deletion !== undefined) return { is: 'failed', reason: `${name} ${deletion}` }
  if (spec.suspend) return { is: 'failed', reason: `${name} is suspended` }
  const generation = object.metadata.generation ?? 0
  const conditions = status.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  const stalled = conditions.find(({ type, status: is }) => type === 'Stalled' && is === 'True')
  if (stalled !== undefined && (stalled.observedGeneration ?? generation) === generation) {
    return { is: 'failed', reason: `${name} is stalled (${stalled.reason}): ${stalled.message}`, because: stalled }
  }
  if (ready === undefined || (ready.observedGeneration ?? generation) < generation)
    return { is: 'waiting', on: `${name}: not reconciled yet` }
  if (ready.status !== 'True') return { is: 'waiting', on: `${name}: ${ready.reason}: ${ready.message}`, because: ready }
  // A controller that failed leaves status.observedGeneration behind, and says why in Ready; only its success counts by it.
  if ((status.observedGeneration ?? generation) < generation) return { is: 'waiting', on: `${name}: not reconciled yet` }
  return { is: 'ready', message: ready.message }
}
