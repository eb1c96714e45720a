import { foreignFinalizers } from '../../flux/finalizers.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { kubectlCall, nameOf, type Ref } from '../../kubernetes/objects.ts'
import type { StepStatus } from '../../runner/step.ts'

/**
 * Looks for what is being deleted and is held by someone else's finalizer: nothing recreates it before, and only its owner can remove that.
 * @returns `blocked` with the first of these objects that is held; undefined where none is
 */
export async function heldBy(cluster: Cluster, refs: readonly Ref[]): Promise<StepStatus | undefined> {
  for (const ref of refs) {
    const live = await cluster.get(ref)
    if (live?.metadata.deletionTimestamp === undefined) continue
    const foreign = foreignFinalizers({ ref, finalizers: live.metadata.finalizers })
    if (foreign.length === 0) continue
    return {
      is: 'blocked',
      reason: `${nameOf(ref)} is being deleted, and held by a finalizer that is not Flux's: ${foreign.join(', ')}`,
      remedy: `let its owner finish; if the owner no longer exists: ${kubectlCall('edit', ref)}, and remove it from metadata.finalizers`,
    }
  }
  return undefined
}
