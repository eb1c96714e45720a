import { deploymentsOf } from '../../flux/components.ts'
import { releaseStateOf, instanceStateOf } from '../../flux/instance.ts'
import { appLabels } from '../../flux/labels.ts'
import { type FluxPlace, refsIn } from '../../flux/refs.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { nameOf, refOf } from '../../kubernetes/objects.ts'

/** What of the cluster asks for a version of Flux, and for which: what Git has come to. */
export interface AskedVersion {
  /** `HelmRelease flux-system/flux-instance` */
  readonly by: string
  /** Undefined where it does not exist, or asks for none. */
  readonly version: string | undefined
}

/** The version that Flux has been asked for: by the HelmRelease of the FluxInstance, by that itself, or by Flux's own manifests. */
export async function readAskedVersion(cluster: Cluster, place: FluxPlace): Promise<AskedVersion> {
  const { instance, instanceRelease, applier } = refsIn(place)
  if (instanceRelease !== undefined) {
    const release = await cluster.get(instanceRelease)
    const version = release && releaseStateOf(release).flux
    // Its values may come from another object (valuesFrom): then only what it has made tells.
    if (release === undefined || version !== undefined) return { by: nameOf(instanceRelease), version }
  }
  if (instance !== undefined) {
    const live = await cluster.get(instance)
    return { by: nameOf(instance), version: live && instanceStateOf(live).wanted }
  }
  const deployments = await deploymentsOf(cluster, place.namespace, 'controllers')
  const labelled = deployments.map((one) => ({
    by: nameOf(refOf(one)),
    version: one.metadata.labels[appLabels.version]?.replace(/^v/, ''),
  }))
  const [first] = labelled
  return labelled.find(({ version }) => version !== first?.version) ?? first ?? { by: nameOf(applier), version: undefined }
}
