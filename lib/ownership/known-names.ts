import * as v from 'valibot'
import type { KubeObject, Ref } from '../kubernetes/objects.ts'
import { isFluxGroup } from '../flux/api-groups.ts'
import { controllerNames } from '../flux/components.ts'
import { installerOf } from '../flux/installer.ts'
import { appLabels, operatorName } from '../flux/labels.ts'

const rbac = 'rbac.authorization.k8s.io/v1'

/** Flux's controllers and its operator: the only accounts that their bindings name. */
export const accounts: readonly string[] = [...controllerNames, operatorName]

/** A cluster-scoped object by the very name that an installation gives it, which is taken for Flux's only if it also holds what Flux's does. */
export interface KnownObject {
  readonly ref: Ref
  readonly matches: (live: KubeObject) => boolean
}

/**
 * What `flux install` and the operator (its config/data/flux, rbac.yaml, named by namespace), the operator's chart (config/default/rbac.yaml) and,
 * by Pulumi, the community's make outside the namespace.
 */
export function exactNames(namespace: string): KnownObject[] {
  const role = (name: string, matches: KnownObject['matches']): KnownObject => ({
    ref: { apiVersion: rbac, kind: 'ClusterRole', name },
    matches,
  })
  const binding = (name: string, to: string): KnownObject => ({
    ref: { apiVersion: rbac, kind: 'ClusterRoleBinding', name },
    matches: (live) => binds(live, to, namespace),
  })
  return [
    role(`crd-controller-${namespace}`, (live) => groupsOf(live).filter(isFluxGroup).length >= 3),
    role(`flux-edit-${namespace}`, isAboutFlux),
    role(`flux-view-${namespace}`, isAboutFlux),
    binding(`cluster-reconciler-${namespace}`, 'cluster-admin'),
    binding(`crd-controller-${namespace}`, `crd-controller-${namespace}`),
    role('flux-operator-edit', isAboutFlux),
    role('flux-operator-view', isAboutFlux),
    role('flux-web-admin', (live) => isOfOperatorsChart(live) && groupsOf(live).some(isFluxGroup)),
    role('flux-web-user', isOfOperatorsChart),
    binding('flux-operator', 'cluster-admin'),
    binding('flux-operator-cluster-admin', 'cluster-admin'),
    // The community's chart flux2 as the release `flux`. Another installation may use roles of these names: they are this one's by Pulumi.
    role('crd-controller', (live) => isByPulumi(live, namespace) && groupsOf(live).filter(isFluxGroup).length >= 3),
    role('flux-edit', (live) => isByPulumi(live, namespace) && isAboutFlux(live)),
    role('flux-view', (live) => isByPulumi(live, namespace) && isAboutFlux(live)),
    binding('flux-crd-controller', 'crd-controller'),
    binding(`${namespace}:flux-cluster-reconciler`, 'cluster-admin'),
  ]
}

/** Whether Pulumi has written it for a Flux in this namespace: without Helm nothing remembers what a chart has made. */
function isByPulumi(live: KubeObject, namespace: string): boolean {
  return installerOf(live) === 'pulumi' && [undefined, namespace].includes(live.metadata.labels[appLabels.instance])
}

const roleSchema = v.object({
  rules: v.nullish(v.array(v.object({ apiGroups: v.optional(v.array(v.string()), []), nonResourceURLs: v.optional(v.array(v.string())) }))),
})

function groupsOf(role: KubeObject): string[] {
  return (v.parse(roleSchema, role).rules ?? []).flatMap(({ apiGroups }) => apiGroups)
}

function isAboutFlux(role: KubeObject): boolean {
  const groups = groupsOf(role)
  return groups.length > 0 && groups.every(isFluxGroup)
}

function isOfOperatorsChart({ metadata: { labels } }: KubeObject): boolean {
  return [labels[appLabels.name], labels[appLabels.partOf]].includes(operatorName)
}

const bindingSchema = v.object({
  roleRef: v.object({ name: v.string() }),
  subjects: v.nullish(v.array(v.object({ kind: v.string(), name: v.string(), namespace: v.optional(v.string(), '') })), []),
})

function binds(binding: KubeObject, role: string, namespace: string): boolean {
  const { roleRef, subjects } = v.parse(bindingSchema, binding)
  const isOurs = subjects?.every(
    (subject) => subject.kind === 'ServiceAccount' && subject.namespace === namespace && accounts.includes(subject.name),
  )
  return roleRef.name === role && isOurs === true && (subjects ?? []).length > 0
}

/** The service accounts of the namespace that the binding hands rights to. */
export function accountsOf(binding: KubeObject, namespace: string): string[] {
  const { subjects } = v.parse(bindingSchema, binding)
  return (subjects ?? []).filter((subject) => subject.kind === 'ServiceAccount' && subject.namespace === namespace).map(({ name }) => name)
}
