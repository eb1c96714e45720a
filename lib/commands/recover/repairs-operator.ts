import { conditionOf } from '../../flux/object.ts'
import type { Evidence } from './evidence.ts'
import { troubles } from './stuck-releases.ts'

/**
 * helm-controller recreates a deleted operator by itself, if its HelmRelease is Ready and source-controller serves the chart: it reads
 * that from source-controller at every reconciliation.
 */
export function repairsOperator({ controllers, objects, namespace, probed }: Evidence): boolean {
  const release = objects.get(`HelmRelease ${namespace}/flux-operator`)
  const unhealthy = troubles(probed, 'controllers').map(({ object }) => object)
  const runs = (name: string): boolean => controllers.there.includes(name) && !unhealthy.includes(`Deployment ${namespace}/${name}`)
  if (release === undefined || release.isSuspended || release.deletedAt !== undefined) return false
  return runs('helm-controller') && runs('source-controller') && conditionOf(release, 'Ready')?.status === 'True'
}
