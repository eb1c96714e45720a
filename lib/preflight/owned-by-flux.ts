import type { Cluster } from '../cluster/cluster.ts'
import { metadataPages } from '../cluster/metadata.ts'
import { kinds, nameOf, refOf } from '../cluster/objects.ts'
import { ownersOf } from '../cluster/owners.ts'
import { blocks, type Finding } from './finding.ts'
import { isFluxGroup } from './flux-crds.ts'

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
        const owner = ownersOf(object).find(({ apiVersion }) => isFluxGroup(apiVersion.split('/')[0] ?? ''))
        if (owner === undefined) continue
        const { namespace = '', name } = object.metadata
        found.push(
          blocks(
            `${nameOf(refOf(object))} belongs to ${owner.kind} ${owner.name}, and Kubernetes would delete it with that`,
            `kubectl --namespace ${namespace} patch ${kind.kind} ${name} --type=merge --patch '{"metadata":{"ownerReferences":null}}'`,
          ),
        )
      }
    }
  }
  return found
}
