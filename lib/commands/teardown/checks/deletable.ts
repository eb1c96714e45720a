import type { OwnedObject } from '../../../ownership/owned-objects.ts'
import type { HeldObject } from '../../../flux/held-objects.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { type KubeObject, refOf } from '../../../kubernetes/objects.ts'
import { onePerKind, tried, triedDeletions } from '../../../preflight/dry-runs.ts'
import type { Finding } from '../../../preflight/preflight.ts'

/** What a teardown will do, one object of each kind standing for all. */
export interface ToDelete {
  readonly crds: readonly KubeObject[]
  readonly namespace: KubeObject | undefined
  readonly ownedObjects: readonly OwnedObject[]
  readonly held: readonly HeldObject[]
  readonly deployments: readonly KubeObject[]
}

/** Whether each kind of object may be deleted, each kind of Flux's changed, and the controllers stopped: the API is asked to, in a dry run. */
export async function checkDeletable(cluster: Cluster, { crds, namespace, ownedObjects, held, deployments }: ToDelete): Promise<Finding[]> {
  const whole = [...crds, ...(namespace === undefined ? [] : [namespace])].map((object) => ({
    ref: refOf(object),
    uid: object.metadata.uid ?? '',
  }))
  const strips = onePerKind(held).map(({ ref }) =>
    tried(ref, 'remove the finalizers of', () => cluster.patch(ref, { metadata: { finalizers: null } }, undefined, { dryRun: true })),
  )
  const stops = onePerKind(deployments.map((object) => ({ ref: refOf(object) }))).map(({ ref }) =>
    tried(ref, 'stop', () => cluster.patch(ref, { spec: { replicas: 0 } }, undefined, { dryRun: true })),
  )
  return (await Promise.all([triedDeletions(cluster, [...whole, ...ownedObjects]), ...strips, ...stops])).flat()
}
