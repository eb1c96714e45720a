import { fieldManager } from '../kubernetes/client.ts'
import { controllerNames } from './components.ts'
import { appliedBy, operatorName } from './labels.ts'

/*
 * Who writes to what is Flux's, by the names in `metadata.managedFields`: the one list of them. Which of the fields that someone else
 * wrote count is said in field-owners.ts.
 */

/** Under which name each applies what it was given: a folder of Git, a chart, a FluxInstance. */
export const appliers = { kustomize: 'kustomize-controller', helm: 'helm-controller', operator: operatorName } as const

/** The manager of Git's Helm releases: what we put there as it, the first release finds unchanged and owned by itself alone. */
export const releaseManager = appliers.helm

/** Who applies an object that carries such a label. */
export const owners = [
  [appliedBy.kustomization.name, appliers.kustomize],
  [appliedBy.helmRelease.name, appliers.helm],
  [appliedBy.fluxInstance.name, appliers.operator],
] as const

/** Whether this manager applies what Git or a chart says; `helm` is Helm itself, by whomever it was called. */
export function isApplier(manager: string): boolean {
  return manager === 'helm' || Object.values(appliers).some((applier) => applier === manager)
}

const own: readonly string[] = [appliers.operator, fieldManager, 'kube-apiserver', 'kube-controller-manager']
/** `gotk-…` is how the controllers sign their own objects. Other programs are called so too: argocd-controller is none of Flux's. */
function isController(manager: string): boolean {
  return controllerNames.includes(manager.replace(/^gotk-/, ''))
}

/** Whether this manager writes by itself to what is Flux's; anyone else is a person, or a program of one, Helm's too. */
export function isOwnManager(manager: string): boolean {
  return own.includes(manager) || isController(manager)
}

/**
 * Under which names an installer writes to what Flux then applies itself. `flux bootstrap` applies the root's source and Kustomization
 * before there is a kustomize-controller, which from then on owns the same fields beside it.
 */
export function managersOf(installedBy: string): readonly string[] {
  return installedBy === 'cli' || installedBy === 'terraform' ? ['flux'] : []
}
