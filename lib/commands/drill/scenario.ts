import type { Cluster } from '../../kubernetes/client.ts'
import type { KubeObject } from '../../kubernetes/objects.ts'
import type { WatchTarget } from '../../kubernetes/watch.ts'
import type { Distribution } from '../../flux/distribution.ts'
import type { GitClone } from '../../tools/git-clone.ts'

/** What a scenario can work on. */
export interface Field {
  readonly cluster: Cluster
  /** The namespace that Flux lives in. */
  readonly namespace: string
  /** The Secret with Flux's login for Git; undefined where it needs none. */
  readonly gitSecret: string | undefined
  readonly progress: (text: string) => void
  /** The longest any one wait may take, in milliseconds. */
  readonly timeout: number
  /** What only the lab can do to a cluster; undefined on a real one. */
  readonly lab: LabPowers | undefined
}

export interface LabPowers {
  readonly setFault: (fault: string) => Promise<void>
  readonly clearFaults: () => Promise<void>
  /** Keeps what clusters and Git are now. */
  readonly snapshot: (name: string) => Promise<void>
  /** Restores clusters and Git to that state. */
  readonly reset: (name: string) => Promise<void>
  /** Makes the cluster an empty one. */
  readonly wipe: () => Promise<void>
  /** Pushes what is committed in a clone of what the cluster follows, and asks Flux to fetch it. Returns what `body` does. */
  readonly inGit: <T>(body: (clone: GitClone) => Promise<T>) => Promise<T>
  /** The cluster's settings.yaml in Git. */
  readonly settingsFile: string
  /** What the operator can install. */
  readonly distribution: () => Promise<Distribution | undefined>
}

/** A failure that can be rehearsed. */
export interface Scenario {
  readonly name: string
  /** What has happened: `Every controller deleted`. */
  readonly title: string
  /** What the fault does to the cluster, as people consent to it. */
  readonly injects: string
  /** The time to recovery that is aimed at, in milliseconds. */
  readonly objectiveMs: number
  /** It is possible only in the lab. */
  readonly isLabOnly?: true
  /** No workload can outlive it: the cluster is a new one afterwards. */
  readonly isTotal?: true
  /** It breaks what only an operator has, or only an operator restores. */
  readonly isOperators?: true
  /** Someone has to recreate the controllers: the operator, or recover.ts with the flux CLI. */
  readonly needsInstaller?: true
  /** recover.ts takes what Git says of the cluster to repair it: the tree has to have a folder for it. */
  readonly needsFolder?: true
  /** It changes the version in the cluster's settings.yaml, or recover.ts reads there what to roll back to. */
  readonly needsSettings?: true
  /** It suspends the FluxInstance, which recover.ts resumes only where it is asked to. */
  readonly isSuspension?: true
  readonly inject: (field: Field) => Promise<void>
  /** Ends what someone else has to end in life, as a Git server's outage: once it was noticed, or as soon as `undoOnce` is so. */
  readonly undo?: (field: Field) => Promise<void>
  /** What recover.ts does before it waits for that. */
  readonly undoOnce?: { readonly watches: readonly WatchTarget[]; readonly isSo: (field: Field) => Promise<boolean> }
  /** Removes what the rehearsal alone had brought, however it ended. */
  readonly cleanUp?: (field: Field) => Promise<void>
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
