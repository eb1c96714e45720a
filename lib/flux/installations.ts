import { shellQuote } from '../base/shell-line.ts'
import type { Cluster } from '../kubernetes/client.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import { deploymentsOf } from './components.ts'
import { releaseOf } from './helm-release.ts'

/** What there is of Flux in a cluster, wherever it lives. */
export interface FluxThere {
  readonly instances: readonly KubeObject[]
  /** Deployments of Flux's controllers. */
  readonly controllers: readonly KubeObject[]
  readonly operators: readonly KubeObject[]
}

export async function readFlux(cluster: Cluster): Promise<FluxThere> {
  const [instances, controllers, operators] = await Promise.all([
    cluster.list(fluxKinds.fluxInstance),
    deploymentsOf(cluster, undefined, 'controllers'),
    deploymentsOf(cluster, undefined, 'operator'),
  ])
  return { instances, controllers, operators }
}

/**
 * The commands that end another Flux of the cluster and leave the CustomResourceDefinitions, which both use: `flux uninstall` deletes those,
 * as does `helm uninstall` of a chart that has them among its templates, and with them every object of either Flux.
 */
export function removalOf(deployments: readonly KubeObject[], namespace: string): string {
  const names = deployments.map(({ metadata }) => metadata.name).join(' ')
  const releases = new Set(deployments.flatMap((one) => releaseOf(one)?.name ?? []))
  const forgets = [...releases].map(
    (name) => ` && kubectl --namespace ${namespace} delete secrets --selector ${shellQuote(`owner=helm,name=${name}`)}`,
  )
  const never = releases.size === 0 ? 'flux uninstall' : 'helm uninstall or flux uninstall'
  return `kubectl --namespace ${namespace} delete deployments ${names}${forgets.join('')}   # never ${never}: that deletes the CRDs, and every object of Flux with them`
}
