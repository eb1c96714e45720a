import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'

/** Who keeps a cluster as Git says: the operator keeps the controllers, they keep the rest. */
export type Keeper = 'operator' | 'controllers'

/** How every way to install them labels Deployments and pods (`flux install`, the operator, both charts). */
const labels: Readonly<Record<Keeper, string>> = {
  operator: 'app.kubernetes.io/name=flux-operator',
  controllers: 'app.kubernetes.io/part-of=flux',
}

export function deploymentsOf(cluster: Cluster, namespace: string, keeper: Keeper): Promise<KubeObject[]> {
  return cluster.list(kinds.deployment, { namespace, labels: labels[keeper] })
}

/** Their pods, although the Deployment may have gone already. */
export function podsOf(cluster: Cluster, namespace: string, keeper: Keeper): Promise<KubeObject[]> {
  return cluster.list(kinds.pod, { namespace, labels: labels[keeper] })
}
