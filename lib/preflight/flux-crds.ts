import type { Cluster } from '../cluster/cluster.ts'
import { listMetadata } from '../cluster/metadata.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'

/** The API groups of Flux and its operator. */
const fluxGroups = /^([a-z]+\.toolkit\.fluxcd\.io|source\.extensions\.fluxcd\.io|([a-z]+\.)?fluxcd\.controlplane\.io)$/

export function isFluxGroup(group: string): boolean {
  return fluxGroups.test(group)
}

/** The metadata of Flux's and its operator's CustomResourceDefinitions. */
export async function listFluxCrds(cluster: Cluster): Promise<readonly KubeObject[]> {
  return (await listCrds(cluster)).flux
}

/** Those of Flux, and others that go by its domain but are somebody else's, as contrib's. */
export async function listCrds(cluster: Cluster): Promise<{ flux: readonly KubeObject[]; foreign: readonly KubeObject[] }> {
  const { objects } = await listMetadata(cluster, await cluster.collection(kinds.crd, {}), kinds.crd)
  const groupOf = ({ metadata: { name } }: KubeObject): string => name.slice(name.indexOf('.') + 1)
  const flux = objects.filter((crd) => isFluxGroup(groupOf(crd)))
  const foreign = objects.filter((crd) => !isFluxGroup(groupOf(crd)) && groupOf(crd).endsWith('.fluxcd.io'))
  return { flux, foreign }
}
