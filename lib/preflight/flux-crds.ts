import type { Cluster } from '../cluster/cluster.ts'
import { listMetadata } from '../cluster/metadata.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'

/** The API groups of Flux and its operator. */
const fluxGroups = /\.((toolkit|extensions)\.fluxcd\.io|fluxcd\.controlplane\.io)$/

/** The metadata of Flux's and its operator's CustomResourceDefinitions. */
export async function listFluxCrds(cluster: Cluster): Promise<readonly KubeObject[]> {
  const { objects } = await listMetadata(cluster, await cluster.collection(kinds.crd, {}), kinds.crd)
  return objects.filter(({ metadata }) => fluxGroups.test(metadata.name))
}
