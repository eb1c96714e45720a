import { apiGroups, controllerGroups } from '../../../flux/api-groups.ts'
import { bootstrapRights } from '../../../preflight/install-rights.ts'
import type { Right } from '../../../preflight/rights.ts'

/** What an upgrade asks of the API beyond a bootstrap: what another version takes, and to make the FluxInstance again. */
export function upgradeRights(namespace: string, lockNamespace: string, checksImages: boolean): Right[] {
  return [
    ...bootstrapRights(namespace, lockNamespace),
    ...versionRights(namespace, checksImages),
    { group: apiGroups.operator, resource: 'fluxinstances', verbs: ['delete'], namespace },
  ]
}

/** To start the new images once, to see all of Flux's objects, and to migrate them: by any program that installs the version. */
export function versionRights(namespace: string, checksImages: boolean): Right[] {
  return [
    ...controllerGroups.map((group): Right => ({ group, resource: '*', verbs: ['list', 'patch'] })),
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions/status', verbs: ['patch'] },
    ...(checksImages ? [{ group: '', resource: 'pods', verbs: ['create', 'delete'], namespace }] : []),
    { group: 'coordination.k8s.io', resource: 'leases', verbs: ['list', 'watch'], namespace }, // who won the controllers' elections
  ]
}
