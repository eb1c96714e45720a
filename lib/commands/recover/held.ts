import type { Cluster } from '../../kubernetes/client.ts'
import type { Ref } from '../../kubernetes/objects.ts'
import type { StepStatus } from '../../runner/step.ts'
import { heldStatusOf } from '../../runner/step-status.ts'

/**
 * Looks for what is being deleted and is held by someone else's finalizer: nothing recreates it before, and only its owner can remove that.
 * @returns `blocked` with the first of these objects that is held; undefined where none is
 */
export async function heldBy(cluster: Cluster, refs: readonly Ref[]): Promise<StepStatus | undefined> {
  for (const ref of refs) {
    const live = await cluster.get(ref)
    const held = live === undefined ? undefined : heldStatusOf(live, ref)
    if (held !== undefined) return held
  }
  return undefined
}
