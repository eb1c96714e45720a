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
  const rows = plan.map(({ step }, at) => rowOf(step, saidOf(plan, at)))
  for (const [at, { sign, text }] of rows.entries()) {
    if (at === noReturn) output.line('      ── point of no return: what is done from here on cannot be undone ──')
    output.line(`${`${at + 1}.`.padStart(4)} ${sign} ${text}`)
  }
  const legend = Object.entries(meanings).flatMap(([sign, meaning]) =>
    rows.some((row) => row.sign === sign) ? [`${sign} ${meaning}`] : [],
  )
  output.faint(`      ${legend.join('   ')}`)
  output.line()
}

/** What the sign before a step of the plan means. */
const meanings = {
  '✔': 'already done',
  '✚': 'changes something',
  '✖': 'destroys something',
  '◎': 'waits, or not known yet',
  '✗': 'blocks the run',
} as const

/**
 * What the plan says of a step; undefined where that is known after apply: behind what is not done yet, what it waits for, or what is in its
 * way, may be another thing.
 */
export function saidOf(plan: readonly PlanEntry[], at: number): StepStatus | undefined {
  const status = plan[at]?.status
  const isLater = plan.slice(0, at).some((before) => before.status?.is !== 'done')
  return isLater && (status?.is === 'waiting' || status?.is === 'blocked') ? undefined : status
}

function rowOf(step: Step, status: StepStatus | undefined): { readonly sign: keyof typeof meanings; readonly text: string } {
  const destroys = step.risk === 'destroy'
  if (status === undefined) return { sign: destroys ? '✖' : '◎', text: `${step.title}: (known after apply)` }
  const signs = { done: '✔', todo: destroys ? '✖' : '✚', waiting: '◎', blocked: '✗' } as const
  return { sign: signs[status.is], text: `${step.title}: ${detailOf(status)}` }
}
