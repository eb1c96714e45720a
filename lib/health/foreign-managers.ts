import type { KubeObject, Ref } from '../cluster/objects.ts'
import { isRequestAlone } from '../cluster/reconcile-request.ts'
import type { FluxObject } from './flux-object.ts'
import type { Scene } from './scene.ts'

/** Those that write by themselves to what is Flux's; anybody else is a person, or a script of one. */
const ownManagers = /^(flux-operator|flux-runbook|kube-apiserver|kube-controller-manager|[a-z-]+-controller|gotk-[a-z-]+)$/

/** An object of Flux that somebody else owns fields of. */
export interface ForeignOwned {
  readonly ref: Ref
  readonly managers: readonly string[]
}

/** Flux's CRDs, its FluxInstance, and all of its objects that Git or the operator put there, with owners that are neither. */
export async function findForeign(scene: Pick<Scene, 'crds' | 'instance' | 'objects'>): Promise<ForeignOwned[]> {
  const [crds, instance, { all }] = await Promise.all([scene.crds(), scene.instance(), scene.objects()])
  const whole = [...crds, ...(instance === undefined ? [] : [instance])].map(fromWhole)
  const objects = all
    .filter(isFluxs)
    .map(({ ref, managers }) => ({ ref, managers: managers.flatMap(({ manager, asksOnly }) => (asksOnly ? [] : [manager])) }))
  return [...whole, ...objects].flatMap(({ ref, managers }) => {
    const foreign = [...new Set(managers)].filter((manager) => !ownManagers.test(manager))
    return foreign.length === 0 ? [] : [{ ref, managers: foreign }]
  })
}

function fromWhole(object: KubeObject): ForeignOwned {
  const { name, namespace, managedFields } = object.metadata
  const ref = { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace === undefined ? {} : { namespace }) }
  const writing = managedFields.filter(({ subresource, fieldsV1 }) => subresource === undefined && !isRequestAlone(fieldsV1))
  return { ref, managers: writing.map(({ manager }) => manager) }
}

/** Who applies an object that carries such a label. */
export const owners = [
  ['kustomize.toolkit.fluxcd.io/name', 'kustomize-controller'],
  ['helm.toolkit.fluxcd.io/name', 'helm-controller'],
  ['fluxcd.controlplane.io/name', 'flux-operator'],
] as const

/** An object that a person applied by hand is that person's: only what Flux applies is Flux's. */
function isFluxs({ labels }: FluxObject): boolean {
  return owners.some(([label]) => labels[label] !== undefined)
}
