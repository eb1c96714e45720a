import { apiGroups } from '../flux/api-groups.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import type { Right } from './rights.ts'

const readVerbs = ['get', 'list', 'watch'] as const
/** Server-side apply asks for `patch`, and for `create` too where the object does not exist. */
const applies = ['get', 'create', 'patch'] as const

/**
 * Everything bootstrap asks of the API, reads included. Who installs Flux hands out cluster-admin, since the operator is bound to it:
 * without `bind` and `escalate` the API refuses that (kubernetes.io/docs/reference/access-authn-authz/rbac, privilege escalation).
 */
export function bootstrapRights(namespace: string, lockNamespace: string): Right[] {
  const { operator, source, kustomize, helm } = apiGroups
  return [
    // The lock.
    { group: 'coordination.k8s.io', resource: 'leases', verbs: ['get', 'create', 'update', 'delete'], namespace: lockNamespace },
    // What is put there, in the order of the steps.
    { group: '', resource: 'namespaces', verbs: ['get', 'list', 'watch', 'create', 'patch'] },
    { group: '', resource: 'secrets', verbs: ['get', 'list', 'watch', 'create', 'patch'], namespace },
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions', verbs: ['get', 'list', 'create', 'patch'] },
    { group: '', resource: 'serviceaccounts', verbs: applies, namespace },
    { group: '', resource: 'services', verbs: applies, namespace },
    { group: 'networking.k8s.io', resource: 'networkpolicies', verbs: applies, namespace },
    { group: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: [...applies, 'escalate'] },
    { group: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: ['bind'], name: 'cluster-admin' },
    { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings', verbs: applies },
    { group: 'apps', resource: 'deployments', verbs: ['create', 'patch'], namespace },
    { group: operator, resource: 'fluxinstances', verbs: ['create', 'patch'], namespace },
    { group: source, resource: 'gitrepositories', verbs: ['patch'], namespace },
    // What is waited for, checked, and compared with Git.
    { group: '', resource: 'pods', verbs: ['list', 'watch'], namespace },
    { group: 'apps', resource: 'replicasets', verbs: ['list'], namespace }, // by flux check
    { group: '', resource: 'configmaps', verbs: ['get', 'patch'], namespace },
    { group: source, resource: 'gitrepositories', verbs: readVerbs, namespace },
    { group: source, resource: 'ocirepositories', verbs: ['get', 'list', 'patch'], namespace },
    { group: kustomize, resource: 'kustomizations', verbs: [...readVerbs, 'patch'], namespace },
    { group: helm, resource: 'helmreleases', verbs: [...readVerbs, 'patch'], namespace },
    // What preflight looks for in every namespace: another Flux, and what one has left.
    { group: 'apps', resource: 'deployments', verbs: readVerbs },
    { group: operator, resource: 'fluxinstances', verbs: readVerbs },
    { group: kustomize, resource: 'kustomizations', verbs: ['get', 'list'] },
    { group: helm, resource: 'helmreleases', verbs: ['get', 'list'] },
    { group: operator, resource: 'resourcesets', verbs: ['get', 'list'] },
    { group: 'apiregistration.k8s.io', resource: 'apiservices', verbs: ['list'] },
    { group: 'admissionregistration.k8s.io', resource: 'validatingwebhookconfigurations', verbs: ['list'] },
    { group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations', verbs: ['list'] },
    { group: 'discovery.k8s.io', resource: 'endpointslices', verbs: ['list'] },
  ]
}

/** What the operator's chart has beyond that where it is monitored. */
export function monitoringRights(namespace: string): Right[] {
  return [{ group: 'monitoring.coreos.com', resource: 'servicemonitors', verbs: applies, namespace }]
}

/** What it takes to have the operator take over a Flux of another program's: to see that all stays, and to delete what that program keeps. */
export function takeOverRights(namespace: string): Right[] {
  return [
    { group: '*', resource: '*', verbs: ['list'] },
    { group: '', resource: 'secrets', verbs: ['delete'], namespace },
    { group: '', resource: 'services', verbs: ['delete'], namespace },
    { group: 'apps', resource: 'deployments', verbs: ['delete'], namespace },
  ]
}

/** What it takes to bootstrap with these very objects of the charts. */
export function installRights(namespace: string, lockNamespace: string, rendered: readonly KubeObject[]): Right[] {
  const isMonitored = rendered.some(({ kind }) => kind === 'ServiceMonitor')
  return [...bootstrapRights(namespace, lockNamespace), ...(isMonitored ? monitoringRights(namespace) : [])]
}
