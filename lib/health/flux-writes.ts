import { manifestOf } from '../kubernetes/manifest.ts'
import { kinds, type KubeObject, type Ref } from '../kubernetes/objects.ts'
import type { Snapshot } from './snapshot.ts'

/** What Flux and its operator write in their own namespace, with it and the CustomResourceDefinitions: what admission is asked about. */
export async function fluxWrites(snapshot: Snapshot): Promise<KubeObject[]> {
  const [name, instance, deployments, pods, crds, { all }] = await Promise.all([
    snapshot.namespace(),
    snapshot.instance(),
    snapshot.deployments(),
    snapshot.pods(),
    snapshot.crds(),
    snapshot.objects(),
  ])
  const home = await snapshot.cluster.get({ ...kinds.namespace, name })
  const objects = all.flatMap(({ ref, labels }) => (ref.namespace === name ? [labelled(ref, labels)] : []))
  // helm-controller keeps each revision in one of these.
  const release = labelled({ ...kinds.secret, namespace: name, name: 'sh.helm.release.v1' }, { owner: 'helm' })
  const first = [home, instance].filter((object) => object !== undefined)
  return [...first, ...deployments, ...pods, ...crds, ...objects, release]
}

function labelled(ref: Ref, labels: Readonly<Record<string, string>>): KubeObject {
  const object = manifestOf(ref)
  return { ...object, metadata: { ...object.metadata, labels: { ...labels } } }
}
