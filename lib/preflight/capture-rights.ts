import { fluxGroups } from '../flux/api-groups.ts'
import type { Right } from './rights.ts'

/** What a capture reads, in every namespace. */
export function captureRights(namespace: string): Right[] {
  return [
    ...fluxGroups.map((group) => ({ group, resource: '*', verbs: ['get', 'list'] })),
    { group: '', resource: 'namespaces', verbs: ['list'] },
    { group: '', resource: 'secrets', verbs: ['get'] },
    { group: '', resource: 'secrets', verbs: ['list'], namespace },
    { group: '', resource: 'configmaps', verbs: ['get'] },
    { group: '', resource: 'serviceaccounts', verbs: ['get'] },
    { group: 'apps', resource: 'deployments', verbs: ['list'], namespace },
  ]
}

/** What a restore writes; giving the fields back to their managers is a patch. */
export function restoreRights(lockNamespace: string): Right[] {
  const verbs = ['get', 'create', 'update', 'patch']
  return [
    { group: 'coordination.k8s.io', resource: 'leases', verbs: ['get', 'create', 'update', 'delete'], namespace: lockNamespace },
    ...['namespaces', 'secrets', 'configmaps', 'serviceaccounts'].map((resource) => ({ group: '', resource, verbs })),
    ...fluxGroups.map((group) => ({ group, resource: '*', verbs })),
  ]
}
