import { showDuration } from './duration.ts'
import type { Run } from './run.ts'
import { detailOf, type Look, type Step } from './step.ts'

/** A step, and how things are before anything is changed; undefined where that can't be known, after something is destroyed. */
export interface Planned {
  readonly step: Step
  readonly look: Look | undefined
}

/** Looks at every step in turn. Past the first that will destroy something nothing seen now would still be true: no look is taken. */
export async function makePlan(steps: readonly Step[], run: Run): Promise<Planned[]> {
  const waiting = run.console.wait('looking at the cluster')
  try {
    const plan: Planned[] = []
    let isPast = false
    for (const step of steps) {
      const look = isPast ? undefined : await step.look(run)
      plan.push({ step, look })
      if (step.risk === 'destroy' && look?.is !== 'done') isPast = true
    }
    return plan
  } finally {
    waiting.stop()
  }
}

/**
 * Shows the plan, numbered. What comes after a change can't be known for sure before it, and says so.
 * @param lastTook how long it took the last time, in milliseconds
 */
export function showPlan(plan: readonly Planned[], run: Run, lastTook: number | undefined): void {
  run.console.line()
  run.console.line(`Plan for ${run.place}${lastTook === undefined ? '' : `; last time it took ${showDuration(lastTook)}`}`)
  const noReturn = plan.findIndex(({ step, look }) => step.risk === 'destroy' && look?.is !== 'done')
  let changed = false
  for (const [at, { step, look }] of plan.entries()) {
    if (at === noReturn) run.console.line('      ── point of no return: what is done from here on cannot be undone ──')
    const number = `${at + 1}.`.padStart(4)
    if (look?.is === 'done') run.console.line(`${number} ✔ ${step.title}: ${look.detail}`)
    else if (look?.is === 'todo') run.console.line(`${number} ${step.risk === 'destroy' ? '✖' : '✚'} ${step.title}: ${look.change}`)
    else if (look === undefined || changed)
      run.console.line(`${number} ${step.risk === 'destroy' ? '✖' : '◎'} ${step.title}: (known after apply)`)
    else run.console.line(`${number} ${look.is === 'waiting' ? '◎' : '✗'} ${step.title}: ${detailOf(look)}`)
    if (look?.is !== 'done') changed = true
  }
  run.console.line()
}
