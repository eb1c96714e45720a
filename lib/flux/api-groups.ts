import type { Kind } from '../kubernetes/objects.ts'

/** The API groups of Flux by what they are about, spelt here alone. */
export const apiGroups = {
  source: 'source.toolkit.fluxcd.io',
  kustomize: 'kustomize.toolkit.fluxcd.io',
  helm: 'helm.toolkit.fluxcd.io',
  notification: 'notification.toolkit.fluxcd.io',
  image: 'image.toolkit.fluxcd.io',
  sourceExtensions: 'source.extensions.fluxcd.io',
  operator: 'fluxcd.controlplane.io',
} as const

/** Every group that a version of Flux has kinds in, whatever kinds those are: what rights are asked for. */
export const fluxGroups: readonly string[] = Object.values(apiGroups)
/** Those of the controllers, without the operator's own. */
export const controllerGroups: readonly string[] = fluxGroups.filter((group) => group !== apiGroups.operator)

/** A later Flux may have more groups: an object of one is Flux's too. */
const ofControllers = /^([a-z]+\.toolkit|source\.extensions)\.fluxcd\.io$/
const ofOperator = /^([a-z]+\.)?fluxcd\.controlplane\.io$/

/** Whether an API group is of Flux's controllers. */
export function isControllerGroup(group: string): boolean {
  return ofControllers.test(group)
}

/** Whether an API group is of Flux or of its operator. */
export function isFluxGroup(group: string): boolean {
  return isControllerGroup(group) || ofOperator.test(group)
}

/** Of a name such as `buckets.source.toolkit.fluxcd.io`, as CustomResourceDefinitions have. */
export function groupOfCrd(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}

/** Whether a kind is one of Flux or of its operator. */
export function isFluxKind({ apiVersion }: Pick<Kind, 'apiVersion'>): boolean {
  return isFluxGroup(apiVersion.split('/')[0] ?? '')
}

/** Whether a kind is of this group, in whatever version. */
export function isOfGroup({ apiVersion }: Pick<Kind, 'apiVersion'>, group: (typeof apiGroups)[keyof typeof apiGroups]): boolean {
  return apiVersion.startsWith(`${group}/`)
}
