import type { KubeObject } from '../kubernetes/objects.ts'

/** `disabled` stops the operator from reconciling a FluxInstance: it neither installs nor repairs nor, when it is deleted, removes anything. */
export const reconcileAnnotation = 'fluxcd.controlplane.io/reconcile'
/** How often the operator reconciles an object of its own by itself. */
export const everyAnnotation = 'fluxcd.controlplane.io/reconcileEvery'
/** How long the operator waits for what an object of its own installs to be Ready. */
export const timeoutAnnotation = 'fluxcd.controlplane.io/reconcileTimeout'
/** Where the operator's web UI notes which of its users has suspended an object (flux-operator api/v1, SuspendedByAnnotation). */
export const suspendedByAnnotation = 'fluxcd.controlplane.io/suspendedBy'
/** Of which other object a ResourceSet is to fill a Secret or ConfigMap, `NAMESPACE/NAME`. */
export const copyFromAnnotation = 'fluxcd.controlplane.io/copyFrom'

/** What every annotation begins with that asks a controller for something. */
export const requestPrefix = 'reconcile.fluxcd.io/'
/** Asking a controller to look now rather than at its next interval (fluxcd/pkg apis/meta, ReconcileRequestAnnotation). */
export const requestedAtAnnotation = 'reconcile.fluxcd.io/requestedAt'
/** Asking helm-controller for one more release, whatever it thinks of the last (with requestedAt). */
export const forceAtAnnotation = 'reconcile.fluxcd.io/forceAt'
/** Asking helm-controller to forget its failures (with requestedAt). */
export const resetAtAnnotation = 'reconcile.fluxcd.io/resetAt'

/** `disabled` has kustomize-controller leave an object as it is, whatever Git says of it; as a label it does too. */
export const detachAnnotation = 'kustomize.toolkit.fluxcd.io/reconcile'
/** `disabled` keeps kustomize-controller from deleting an object once Git does not have it any more. */
export const pruneAnnotation = 'kustomize.toolkit.fluxcd.io/prune'
/** Keeps kustomize-controller's variables out of an object; as a label it does too. */
export const substituteAnnotation = 'kustomize.toolkit.fluxcd.io/substitute'

/** Whether an annotation of this name only asks a controller for something. */
export function isRequestAnnotation(name: string): boolean {
  return name.startsWith(requestPrefix)
}

/** Whether an annotation of this name only enables or disables reconciliation by the operator or kustomize-controller. */
export function isReconcileSwitch(name: string): boolean {
  return name === reconcileAnnotation || name === suspendedByAnnotation || name === detachAnnotation
}

/** Whether an object is annotated so that the operator leaves it alone. */
export function isReconcileDisabled({ metadata }: Pick<KubeObject, 'metadata'>): boolean {
  return metadata.annotations[reconcileAnnotation] === 'disabled'
}

/** Whether an object is marked so that kustomize-controller leaves it as it is. */
export function isDetached({ metadata: { annotations, labels } }: Marked): boolean {
  return annotations[detachAnnotation] === 'disabled' || labels[detachAnnotation] === 'disabled'
}

interface Marked {
  readonly metadata: Readonly<Record<'annotations' | 'labels', Readonly<Record<string, string | undefined>>>>
}

/** How often the operator reconciles its FluxInstance by itself, as people write it: `60m` where nothing is said. */
export function reconcileEvery(instance: Pick<KubeObject, 'metadata'> | undefined): string {
  return instance?.metadata.annotations[everyAnnotation] ?? '60m'
}
