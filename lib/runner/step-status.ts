import { foreignFinalizers } from '../flux/finalizers.ts'
import { kubectlCall, type KubeObject, nameOf, type Ref } from '../kubernetes/objects.ts'
import type { Readiness } from '../kubernetes/readiness.ts'
import type { StepStatus } from './step.ts'

/**
 * What a step that waits for an object makes of its readiness: Ready is done; what is stalled, suspended or being deleted will not get
 * there by itself.
 * @param detail what to say where it is Ready; the controller's own message unless given
 */
export function stepStatusOf(readiness: Readiness, remedy: string, detail?: string): StepStatus {
  if (readiness.is === 'ready') return { is: 'done', detail: detail ?? readiness.message }
  if (readiness.is === 'failed') return { is: 'blocked', reason: readiness.reason, remedy }
  return { is: 'waiting', on: readiness.on }
}

/** `blocked` where someone else's finalizer holds an object that is being deleted: nothing recreates it before, and only its owner removes that. */
export function heldStatusOf({ metadata: { deletionTimestamp, finalizers } }: KubeObject, ref: Ref): StepStatus | undefined {
  const foreign = deletionTimestamp === undefined ? [] : foreignFinalizers({ ref, finalizers })
  if (foreign.length === 0) return undefined
  return {
    is: 'blocked',
    reason: `${nameOf(ref)} is being deleted, and held by a finalizer that is not Flux's: ${foreign.join(', ')}`,
    remedy: `let its owner finish; if the owner no longer exists: ${kubectlCall('edit', ref)}, and remove it from metadata.finalizers`,
  }
}
