import type { Cluster } from '../../../kubernetes/client.ts'
import { metadataPages } from '../../../kubernetes/metadata.ts'
import { kinds, kubectlCall, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { ownersOf } from '../../../kubernetes/owners.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'
import { isFluxKind } from '../../../flux/api-groups.ts'

const workloads = [
  { kind: kinds.deployment, path: '/apis/apps/v1/deployments' },
  { kind: { apiVersion: 'apps/v1', kind: 'StatefulSet' }, path: '/apis/apps/v1/statefulsets' },
  { kind: { apiVersion: 'apps/v1', kind: 'DaemonSet' }, path: '/apis/apps/v1/daemonsets' },
]

/** Workloads that name an object of Flux as their owner: Kubernetes itself deletes them when their owner goes. */
export async function checkOwnedByFlux(cluster: Cluster): Promise<Finding[]> {
  const found: Finding[] = []
  for (const { kind, path } of workloads) {
    for await (const page of metadataPages(cluster, path, kind)) {
      for (const object of page) {
        const owner = ownersOf(object).find(isFluxKind)
        if (owner === undefined) continue
        found.push(
          blocks(
            `${nameOf(refOf(object))} belongs to ${owner.kind} ${owner.name}, and Kubernetes would delete it with that`,
            kubectlCall('patch', refOf(object), '--type=merge', '--patch', '{"metadata":{"ownerReferences":null}}'),
          ),
        )
      }
    }
  }
  return found
}
