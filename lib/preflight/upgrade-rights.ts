import { bootstrapRights } from './bootstrap-rights.ts'
import type { Right } from './rights.ts'

/** What an upgrade asks of the API beyond a bootstrap: to see all of Flux's objects, migrate them, and make the FluxInstance anew. */
export function upgradeRights(namespace: string, lockNamespace: string): Right[] {
  const groups = [
    'source.toolkit.fluxcd.io',
    'kustomize.toolkit.fluxcd.io',
    'helm.toolkit.fluxcd.io',
    'notification.toolkit.fluxcd.io',
    'image.toolkit.fluxcd.io',
    'source.extensions.fluxcd.io',
  ]
  return [
    ...bootstrapRights(namespace, lockNamespace),
    ...groups.map((group): Right => ({ group, resource: '*', verbs: ['list', 'patch'] })),
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions/status', verbs: ['patch'] },
    { group: 'fluxcd.controlplane.io', resource: 'fluxinstances', verbs: ['delete'], namespace },
    { group: 'coordination.k8s.io', resource: 'leases', verbs: ['list', 'watch'], namespace }, // who won the controllers' elections
  ]
}
