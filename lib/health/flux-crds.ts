import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'

/** The operator's own, which carry no label to ask for them by. */
export const operatorCrds = ['fluxinstances', 'fluxreports', 'resourcesets', 'resourcesetinputproviders'].map(
  (plural) => `${plural}.fluxcd.controlplane.io`,
)

/** The CRDs of Flux and its operator: asked for by label and name, since all of a cluster's may be many megabytes. */
export async function readFluxCrds(cluster: Cluster): Promise<KubeObject[]> {
  const [labelled, ...named] = await Promise.all([
    cluster.list(kinds.crd, { labels: 'app.kubernetes.io/part-of=flux' }),
    ...operatorCrds.map((name) => cluster.get({ ...kinds.crd, name })),
  ])
  const others = labelled.filter(({ metadata }) => !operatorCrds.includes(metadata.name))
  return [...others, ...named.filter((crd) => crd !== undefined)]
}
