import { showDuration } from '../base/duration.ts'
import type { Output } from '../terminal/output.ts'
import type { StepContext } from './step.ts'
import { detailOf, type Look, type Step } from './step.ts'

/**
 * A step, and how things are before anything is changed; undefined where that can't be known: after something is destroyed, and where an
 * earlier step of the plan will undo it, or change what it verifies.
 */
export interface Planned {
  readonly step: Step
  readonly look: Look | undefined
}

/** Looks at every step in turn. Past the first that will destroy something nothing seen now would still be true: no look is taken. */
export async function makePlan(steps: readonly Step[], run: StepContext): Promise<Planned[]> {
  const waiting = run.console.wait('looking at the cluster')
  try {
    const plan: Planned[] = []
    let isPast = false
    for (const step of steps) {
      const seen = isPast ? undefined : await step.look(run)
      const look = seen?.is === 'done' && isOpen(step, plan) ? undefined : seen
      plan.push({ step, look })
      if (step.risk === 'destroy' && look?.is !== 'done') isPast = true
    }
    return plan
  } finally {
    waiting.stop()
  }
}

/** Whether what a step finds done now says nothing of when its turn comes. */
function isOpen({ risk, undoneBy = [] }: Step, before: readonly Planned[]): boolean {
  const changes = before.filter(({ step, look }) => look?.is === 'todo' && step.risk !== 'safe')
  return (risk === 'safe' && changes.length > 0) || changes.some(({ step }) => undoneBy.includes(step.id))
}

/**
 * Shows the plan, numbered. What comes after a change can't be known for sure before it, and says so.
 * @param lastTook how long it took the last time, in milliseconds
 */
export function showPlan(plan: readonly Planned[], { place }: StepContext, lastTook: number | undefined, output: Output): void {
  output.line()
  output.line(`Plan for ${place}${lastTook === undefined ? '' : `; last time it took ${showDuration(lastTook)}`}`)
  const noReturn = plan.findIndex(({ step, look }) => step.risk === 'destroy' && look?.is !== 'done')
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
  '✔': 'is so already',
  '✚': 'changes something',
  '✖': 'destroys something',
  '◎': 'waits, or not known yet',
  '✗': 'is in the way',
} as const

/**
 * What the plan says of a step; undefined where that is known after apply: behind what is not done yet, what it waits for, or what is in its
 * way, may be another thing.
 */
export function saidOf(plan: readonly Planned[], at: number): Look | undefined {
  const look = plan[at]?.look
  const isLater = plan.slice(0, at).some((before) => before.look?.is !== 'done')
  return isLater && (look?.is === 'waiting' || look?.is === 'blocked') ? undefined : look
}

function rowOf(step: Step, look: Look | undefined): { readonly sign: keyof typeof meanings; readonly text: string } {
  const destroys = step.risk === 'destroy'
  if (look === undefined) return { sign: destroys ? '✖' : '◎', text: `${step.title}: (known after apply)` }
  const signs = { done: '✔', todo: destroys ? '✖' : '✚', waiting: '◎', blocked: '✗' } as const
  return { sign: signs[look.is], text: `${step.title}: ${detailOf(look)}` }
}
