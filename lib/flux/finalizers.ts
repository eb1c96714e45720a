import { nameOf, type Ref } from '../kubernetes/objects.ts'
import { isFluxKind } from './api-groups.ts'

/** Of Flux's controllers and its operator: what they wanted to do before an object goes, and what nobody is left to do. */
const ofFlux = ['finalizers.fluxcd.io', 'fluxcd.controlplane.io/finalizer']
/** Kubernetes takes these off by itself: `foregroundDeletion`, `kubernetes.io/pvc-protection`. */
const ofKubernetes = /^(orphan|foregroundDeletion)$|(^|\.)(kubernetes|k8s)\.io(\/|$)/

export function isFluxFinalizer(finalizer: string): boolean {
  return ofFlux.includes(finalizer)
}

export function isKubernetesFinalizer(finalizer: string): boolean {
  return ofKubernetes.test(finalizer)
}

/** An object that finalizers keep from being deleted. */
export interface FinalizerHolder {
  readonly ref: Ref
  readonly finalizers: readonly string[]
}

/** The finalizers that neither Flux nor Kubernetes removes: who put them there wanted to do something first. */
export function foreignFinalizers({ ref, finalizers }: FinalizerHolder): string[] {
  const isFlux = isFluxKind(ref)
  return finalizers.filter((finalizer) => !isKubernetesFinalizer(finalizer) && !(isFlux && isFluxFinalizer(finalizer)))
}

/** `Kustomization apps/shop (finalizer finalizers.fluxcd.io), … and 4 more`. */
export function describeHolders(holders: readonly FinalizerHolder[]): string {
  const named = holders.slice(0, 3).map(({ ref, finalizers }) => `${nameOf(ref)} (finalizer ${finalizers.join(', ')})`)
  return [named.join(', '), ...(holders.length > 3 ? [`and ${holders.length - 3} more`] : [])].join(' ')
}
