import type { Cluster } from '../../lib/kubernetes/client.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { kinds, nameOf, refOf } from '../../lib/kubernetes/objects.ts'

const namespace = 'flux-system'

/** Everything that a teardown touches before the point of no return, by its generation and annotations. */
export async function stateOfFlux(cluster: Cluster): Promise<unknown[]> {
  const objects = [...(await cluster.list(kinds.deployment, { namespace })), ...(await cluster.list(fluxKinds.fluxInstance))]
  const state = objects.map((object) => ({
    name: nameOf(refOf(object)),
    uid: object.metadata.uid,
    spec: object.spec,
    rest: object.metadata.annotations['fluxcd.controlplane.io/reconcile'],
  }))
  const crds = (await cluster.list(kinds.crd)).map(({ metadata: { name, uid, deletionTimestamp } }) => ({ name, uid, deletionTimestamp }))
  return [...state, ...crds, (await cluster.get({ ...kinds.namespace, name: namespace }))?.metadata.uid]
}
