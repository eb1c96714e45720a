import type { Cluster } from '../cluster/cluster.ts'
import type { KubeObject } from '../cluster/objects.ts'

/** What a disaster can lay hands on. */
export interface Field {
  readonly cluster: Cluster
  /** The namespace that Flux lives in. */
  readonly namespace: string
  /** The Secret with Flux's login for Git; undefined where it needs none. */
  readonly gitSecret: string | undefined
  readonly progress: (text: string) => void
  /** What only the lab can do to a cluster; undefined on a real one. */
  readonly lab: LabPowers | undefined
}

export interface LabPowers {
  readonly setFault: (fault: string) => Promise<void>
  readonly clearFaults: () => Promise<void>
  /** Makes the cluster an empty one. */
  readonly wipe: () => Promise<void>
}

/** A disaster that can be rehearsed. */
export interface Scenario {
  readonly name: string
  /** What has happened: `Every controller deleted`. */
  readonly title: string
  /** What is done to the cluster, as people consent to it. */
  readonly strikes: string
  /** The time to recovery that is aimed at, in milliseconds. */
  readonly objectiveMs: number
  /** It can be brought about in the lab only. */
  readonly isLabOnly?: true
  /** No workload can outlive it: the cluster is a new one afterwards. */
  readonly isTotal?: true
  readonly strike: (field: Field) => Promise<void>
  /** Ends what somebody else has to end in life, as a Git server's outage, once it was noticed. */
  readonly relent?: (field: Field) => Promise<void>
}

export const minute = 60_000

/** Deletes each of the objects that were just read. */
export async function removeAll(cluster: Cluster, objects: readonly KubeObject[]): Promise<void> {
  await Promise.all(
    objects.map(({ apiVersion, kind, metadata: { namespace, name, uid = '' } }) =>
      cluster.remove({ apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }, { uid }),
    ),
  )
}
