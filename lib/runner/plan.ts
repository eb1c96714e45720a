import { showDuration } from '../base/duration.ts'
import type { Output } from '../terminal/output.ts'
import { hasDestroyed, stepKey } from './attempts.ts'
import type { StepContext } from './step.ts'
import { detailOf, type StepRecord, type StepStatus, type Step } from './step.ts'

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

/** A step of the whole run: planned, or carried out by an earlier attempt and no part of this one. */
type RunStep = PlanEntry | StepRecord

/**
 * The steps of the whole run in their order, so that each keeps its number where a run is resumed: before those that are planned now, what
 * earlier attempts carried out and need not plan again.
 * @param earlier what happened to the steps in earlier attempts
 */
export function wholeRun(plan: readonly PlanEntry[], earlier: readonly StepRecord[]): RunStep[] {
  const planned = new Set(plan.map(({ step }) => stepKey(step)))
  const rows: RunStep[] = []
  let past = 0
  const addPast = (until: number): void => {
    for (; past < until; past++) {
      const record = earlier[past]
      if (record !== undefined && record.state !== 'failed' && !planned.has(stepKey(record))) rows.push(record)
    }
  }
  for (const entry of plan) {
    const at = earlier.findIndex((record) => stepKey(record) === stepKey(entry.step))
    addPast(at === -1 ? earlier.length : at)
    rows.push(entry)
  }
  addPast(earlier.length)
  return rows
}

/**
 * Shows the plan, numbered. What comes after a change can't be known for sure before it, and says so.
 * @param earlier what happened to the steps in earlier attempts of the run
 * @param lastTook how long it took the last time, in milliseconds
 */
export function showPlan(
  plan: readonly PlanEntry[],
  { place }: StepContext,
  { earlier, lastTook }: { readonly earlier: readonly StepRecord[]; readonly lastTook: number | undefined },
  output: Output,
): void {
  output.line()
  output.line(`Plan for ${place}${lastTook === undefined ? '' : `; last time it took ${showDuration(lastTook)}`}`)
  const steps = wholeRun(plan, earlier)
  const noReturn = returnOf(steps, earlier)
  const rows = steps.map((step) => ('step' in step ? rowOf(step.step, saidOf(plan, plan.indexOf(step))) : pastRow(step)))
  for (const [at, { sign, text }] of rows.entries()) {
    if (at === noReturn.at) output.line(`      ── point of no return${noReturn.words} ──`)
    output.line(`${`${at + 1}.`.padStart(4)} ${sign} ${text}`)
  }
  const legend = Object.entries(meanings).flatMap(([sign, meaning]) =>
    rows.some((row) => row.sign === sign) ? [`${sign} ${meaning}`] : [],
  )
  output.faint(`      ${legend.join('   ')}`)
  if (rows.some(({ isOpen }) => isOpen)) output.faint('      Steps without details depend on those before them.')
  output.line()
}

/** Before which step the point of no return is: it stays there once the run has passed it. */
function returnOf(steps: readonly RunStep[], earlier: readonly StepRecord[]): { readonly at: number; readonly words: string } {
  const destroys = (step: RunStep): boolean => ('step' in step ? step.step : step).risk === 'destroy'
  const first = earlier.find(hasDestroyed)
  if (first === undefined) {
    const at = steps.findIndex((step) => destroys(step) && !('step' in step && step.status?.is === 'done'))
    return { at, words: ': what is done from here on cannot be undone' }
  }
  const same = steps.findIndex((step) => stepKey('step' in step ? step.step : step) === stepKey(first))
  return { at: same === -1 ? steps.findIndex(destroys) : same, words: ', which this run has passed' }
}

/** What the sign before a step of the plan means. */
const meanings = {
  '✔': 'done',
  '–': 'not needed',
  '✚': 'changes',
  '✖': 'destroys',
  '◎': 'waits, checks, records',
  '✗': 'blocks the run',
} as const

/**
 * What the plan says of a step; undefined where that depends on the steps before it: behind what is not done yet, what it waits for, or what
 * is in its way, may be another thing.
 */
export function saidOf(plan: readonly PlanEntry[], at: number): StepStatus | undefined {
  const status = plan[at]?.status
  const isLater = plan.slice(0, at).some((before) => before.status?.is !== 'done')
  return isLater && (status?.is === 'waiting' || status?.is === 'blocked') ? undefined : status
}

/** What the record says of a step that cannot be checked before others have been carried out. */
export const dependsOnOthers = 'depends on the steps before it'

interface Row {
  readonly sign: keyof typeof meanings
  readonly text: string
  /** Its details depend on the steps before it. */
  readonly isOpen?: true
}

const signs = { safe: '◎', change: '✚', destroy: '✖' } as const

function rowOf(step: Step, status: StepStatus | undefined): Row {
  if (status === undefined) return { sign: signs[step.risk], text: step.title, isOpen: true }
  return { sign: signOf(step, status), text: `${step.title}: ${detailOf(status)}` }
}

function signOf({ risk, isRecord }: Step, status: StepStatus): Row['sign'] {
  if (status.is === 'done') return status.isSkipped === true ? '–' : '✔'
  if (status.is === 'waiting') return '◎'
  if (status.is === 'blocked') return '✗'
  if (isRecord === true) return '◎'
  return risk === 'destroy' ? '✖' : '✚'
}

function pastRow({ title, state, detail }: StepRecord): Row {
  return { sign: state === 'skipped' ? '–' : '✔', text: `${title}: ${detail}` }
}
