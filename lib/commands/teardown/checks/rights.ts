import { apiGroups, fluxGroups } from '../../../flux/api-groups.ts'
import type { Right } from '../../../preflight/rights.ts'

/**
 * What a teardown asks of the API beyond what its dry run tries by itself: to disable its reconciliation and stop it, to take its finalizers off, and to see
 * what is in its namespace, of whatever kind. What stays there is not deleted one by one unless the namespace is kept.
 */
export function teardownRights(namespace: string, lockNamespace: string, keepsNamespace: boolean): Right[] {
  const content = [
    { group: 'apps', resource: 'deployments' },
    { group: 'networking.k8s.io', resource: 'networkpolicies' },
    ...['services', 'serviceaccounts', 'secrets', 'resourcequotas'].map((resource) => ({ group: '', resource })),
  ]
  return [
    { group: 'coordination.k8s.io', resource: 'leases', verbs: ['get', 'create', 'update', 'delete'], namespace: lockNamespace },
    { group: '*', resource: '*', verbs: ['list'] },
    { group: '', resource: 'namespaces', verbs: ['get', 'watch', 'delete'] },
    { group: '', resource: 'secrets', verbs: ['get', 'watch'] },
    { group: '', resource: 'configmaps', verbs: ['get'] },
    ...content.map((kind) => ({ ...kind, verbs: keepsNamespace ? ['get', 'delete'] : ['get'], namespace })),
    { group: '', resource: 'events', verbs: ['watch'], namespace },
    { group: '', resource: 'pods', verbs: ['watch', 'delete'], namespace },
    { group: 'apps', resource: 'deployments', verbs: ['watch', 'patch'], namespace },
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions', verbs: ['get', 'watch', 'delete'] },
    { group: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: ['get', 'delete'] },
    { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings', verbs: ['get', 'delete'] },
    ...fluxGroups.map((group) => ({ group, resource: '*', verbs: ['get', 'patch'] })),
    { group: apiGroups.operator, resource: 'fluxinstances', verbs: ['watch'], namespace },
  ]
}
