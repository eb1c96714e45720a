import { crashesOf, faultArguments, type Fault, type FaultName } from './faults.ts'
import type { GitServer } from './git-server.ts'
import type { LabCluster } from './lab-cluster.ts'
import type { Faults } from './node/node.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** What of a lab can be made to fail from outside. */
export interface Breakable {
  readonly clusters: readonly LabCluster[]
  readonly git: GitServer
  readonly registry: TcpProxy
}

export function hasFault(faults: readonly Fault[], name: FaultName): boolean {
  return faults.some((one) => one.name === name)
}

/** The faults that are the node of this cluster's to carry out. */
export function nodeFaults(cluster: string, faults: readonly Fault[]): Faults {
  return {
    images: faultArguments(faults, 'image'),
    crash: [...crashesOf(cluster, faultArguments(faults, 'crash')), ...(hasFault(faults, 'operator-down') ? ['flux-operator'] : [])],
    partition: faultArguments(faults, 'partition'),
  }
}

/** Has exactly these faults in force. */
export async function applyFaults(faults: readonly Fault[], { clusters, git, registry }: Breakable): Promise<void> {
  const slowness = Number(faultArguments(faults, 'api-slow')[0] ?? 0)
  for (const cluster of clusters) {
    cluster.setFaults(nodeFaults(cluster.name, faults))
    cluster.proxy.delay(slowness)
    await (hasFault(faults, 'api-down') ? cluster.proxy.block() : cluster.proxy.unblock())
  }
  await (hasFault(faults, 'git-down') ? git.block() : git.unblock())
  await (hasFault(faults, 'registry-down') ? registry.block() : registry.unblock())
}
