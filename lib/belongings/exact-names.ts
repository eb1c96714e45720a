import * as v from 'valibot'
import type { KubeObject, Ref } from '../cluster/objects.ts'
import { isFluxGroup } from '../preflight/flux-crds.ts'

const rbac = 'rbac.authorization.k8s.io/v1'

/** Flux's controllers and its operator: the only accounts that their bindings name. */
export const controllers = [
  'source-controller',
  'kustomize-controller',
  'helm-controller',
  'notification-controller',
  'image-reflector-controller',
  'image-automation-controller',
  'source-watcher',
] as const
const accounts: readonly string[] = [...controllers, 'flux-operator']

/** A cluster-scoped object by the very name that an installation gives it, which is taken for Flux's only if it also holds what Flux's does. */
export interface Named {
  readonly ref: Ref
  readonly matches: (live: KubeObject) => boolean
}

/**
 * What `flux install` and the operator (its config/data/flux, rbac.yaml, named by namespace) and the operator's chart (config/default/rbac.yaml)
 * make outside the namespace.
 */
export function exactNames(namespace: string): Named[] {
  const role = (name: string, matches: Named['matches']): Named => ({ ref: { apiVersion: rbac, kind: 'ClusterRole', name }, matches })
  const binding = (name: string, to: string): Named => ({
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
  ]
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
  return [labels['app.kubernetes.io/name'], labels['app.kubernetes.io/part-of']].includes('flux-operator')
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
