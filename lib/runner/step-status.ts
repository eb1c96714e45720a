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
