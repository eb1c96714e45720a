import type { InstalledFlux } from '../../lib/flux/installation.ts'

/** What there is of Flux where an operator keeps it, for probes of one part. */
export const keptByOperator: InstalledFlux = {
  installedBy: 'operator',
  version: '2.9.5',
  namespace: 'flux-system',
  components: ['source-controller', 'kustomize-controller', 'helm-controller', 'notification-controller'],
  shards: [],
  shardLabel: 'sharding.fluxcd.io/key',
  expectsOperator: true,
}
