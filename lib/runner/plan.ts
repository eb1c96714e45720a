import { showDuration } from '../base/duration.ts'
import type { Output } from '../terminal/output.ts'
import type { StepContext } from './step.ts'
import { detailOf, type StepStatus, type Step } from './step.ts'

/**
 * A step, and how things are before anything is changed; undefined where that can't be known: after something is destroyed, and where an
 * earlier step of the plan will undo it, or change what it verifies.
 */
export interface PlanEntry {
  readonly step: Step
  readonly status: StepStatus | undefined
}

/** Checks every step in turn. Past the first that will destroy something, nothing read now would still be true: nothing is checked. */
export async function makePlan(steps: readonly Step[], run: StepContext): Promise<PlanEntry[]> {
  const waiting = run.console.wait('reading the cluster')
  try {
    const plan: PlanEntry[] = []
    let isPast = false
    for (const step of steps) {
      const seen = isPast ? undefined : await step.check(run)
      const status = seen?.is === 'done' && isOpen(step, plan) ? undefined : seen
      plan.push({ step, status })
      if (step.risk === 'destroy' && status?.is !== 'done') isPast = true
    }
    return plan
  } finally {
    waiting.stop()
  }
}

/** Whether what a step finds done now says nothing of when its turn comes. */
function isOpen({ risk, undoneBy = [] }: Step, before: readonly PlanEntry[]): boolean {
  const changes = before.filter(({ step, status }) => status?.is === 'todo' && step.risk !== 'safe')
  return (risk === 'safe' && changes.length > 0) || changes.some(({ step }) => undoneBy.includes(step.id))
}

/**
 * Shows the plan, numbered. What comes after a change can't be known for sure before it, and says so.
 * @param lastTook how long it took the last time, in milliseconds
 */
export function showPlan(plan: readonly PlanEntry[], { place }: StepContext, lastTook: number | undefined, output: Output): void {
  output.line()
  output.line(`Plan for ${place}${lastTook === undefined ? '' : `; last time it took ${showDuration(lastTook)}`}`)
  const noReturn = plan.findIndex(({ step, status }) => step.risk === 'destroy' && status?.is !== 'done')
  let changed = false
  for (const [at, { step, status }] of plan.entries()) {
    if (at === noReturn) output.line('      ── point of no return: what is done from here on cannot be undone ──')
    const number = `${at + 1}.`.padStart(4)
    if (status?.is === 'done') output.line(`${number} ✔ ${step.title}: ${status.detail}`)
    else if (status?.is === 'todo') output.line(`${number} ${step.risk === 'destroy' ? '✖' : '✚'} ${step.title}: ${status.change}`)
    else if (status === undefined || changed)
      output.line(`${number} ${step.risk === 'destroy' ? '✖' : '◎'} ${step.title}: (known after apply)`)
    else output.line(`${number} ${status.is === 'waiting' ? '◎' : '✗'} ${step.title}: ${detailOf(status)}`)
    if (status?.is !== 'done') changed = true
  }
  output.line()
}
