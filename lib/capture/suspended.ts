import * as v from 'valibot'
import { fieldManager } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import { reconcileAnnotation } from '../cluster/flux-instance.ts'

const suspendSchema = v.object({ spec: v.object({ suspend: v.optional(v.boolean(), false) }) })
const fieldsSchema = v.object({
  'f:spec': v.optional(v.record(v.string(), v.unknown()), {}),
  'f:metadata': v.optional(v.object({ 'f:annotations': v.optional(v.record(v.string(), v.unknown()), {}) }), {}),
})
/** Who applies what Git or a chart says. */
const appliers = /^(kustomize-controller|helm-controller|helm|flux-operator)$/

/** The merge patch that suspends an object of this kind. */
export function suspension({ apiVersion }: Pick<KubeObject, 'apiVersion'>): Record<string, unknown> {
  const isOperators = apiVersion.startsWith('fluxcd.controlplane.io/')
  return isOperators ? { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } } : { spec: { suspend: true } }
}

/** Whether the object rests, whoever wanted it so. */
export function isSuspended(object: KubeObject): boolean {
  if (object.metadata.annotations[reconcileAnnotation] === 'disabled') return true
  const read = v.safeParse(suspendSchema, object)
  return read.success && read.output.spec.suspend
}

/** The field manager that suspended the object, where no controller did: Git knows nothing of it, and would set it going again. */
export function suspendedBy(object: KubeObject): string | undefined {
  if (!isSuspended(object)) return undefined
  const owners = object.metadata.managedFields.filter((entry) => {
    const fields = v.safeParse(fieldsSchema, entry.fieldsV1)
    if (!fields.success) return false
    return 'f:suspend' in fields.output['f:spec'] || `f:${reconcileAnnotation}` in fields.output['f:metadata']['f:annotations']
  })
  if (owners.some(({ manager }) => appliers.test(manager))) return undefined
  // This project puts the FluxInstance to rest before it takes Flux down. Whatever else it suspended, it did so again, for a person.
  if (object.kind === kinds.fluxInstance.kind && owners[0]?.manager === fieldManager) return undefined
  return owners[0]?.manager ?? 'unknown'
}
