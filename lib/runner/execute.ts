import { carryOutStep, doneState, freely, record, UnfinishedError } from './execute-step.ts'
import { type Consent, isUnforeseen, verifyConsent, verifyConsentTo } from './consent.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { dependsOnOthers, makePlan, type PlanEntry, saidOf, showPlan, wholeRun } from './plan.ts'
import { stepsOf } from './attempts.ts'
import { choose } from '../terminal/prompt.ts'
import type { StepContext } from './step.ts'
import type { SequenceResult } from './run-result.ts'
import { detailOf, type StepStatus, type Step, type StepRecord, type TodoStatus } from './step.ts'

/** Steps in their order, and what is done when they fail. */
export interface StepSequence {
  readonly steps: readonly Step[]
  readonly rollback?: Rollback
  /**
   * What state things are in where the run stops, cancelled or failed, and nothing is restored; and, where it is known better, what is next.
   * @param hasBegun that the run can be resumed
   */
  readonly ifStopped?: (steps: readonly StepRecord[], hasBegun: boolean) => { readonly state: string; readonly remedy?: string } | undefined
  /** Why the run may have to destroy something although none of its steps does, as a rollback may: it needs that consent beforehand. */
  readonly alsoDestroys?: string
}

/** Restores the state when the run began; carried out without asking, even though the person has cancelled. */
export interface Rollback {
  /** What is said when it begins: `restoring Flux as it was`. */
  readonly title: string
  /** Whether it is to be taken; asked when the run failed, not only took too long, or was cancelled, after it had changed something. */
  readonly shouldRollBack: (why: 'failed' | 'cancelled') => boolean
  readonly steps: readonly Step[]
  /** What to do next once things are back; else what the failure itself advises. */
  readonly remedy?: string
  /** What state things are in where the rollback fails, and the commands that finish it. */
  readonly ifFailed?: (run: StepContext, thrown: unknown) => Promise<{ state: string; remedy: string }>
}

/** What a procedure calls when it comes to it. */
export interface Hooks {
  /** Before the first step that changes something, as to take the lock. */
  readonly begin: () => Promise<void>
  /** At each step, before it is carried out: a run that is killed in it has reported where it was. */
  readonly enter: (title: string) => Promise<void>
  /** The same run, which a cancellation does not end: the rollback is carried out on it. */
  readonly cleanup: () => StepContext
  /** Before the rollback changes anything. */
  readonly beforeRollback?: (run: StepContext) => Promise<void>
  /** After each step, with what happened to all so far. */
  readonly keepSteps?: (records: readonly StepRecord[]) => void
  /** How long the procedure took the last time, in milliseconds. */
  readonly lastTook?: number | undefined
  /** What happened to its steps before it was interrupted; undefined for a run that begins now. */
  readonly earlier?: readonly StepRecord[] | undefined
}

/** What a run has come to when something is thrown. */
interface SoFar {
  /** That it may have changed something, in this call or in an earlier one that it resumes; by itself, where it resumes one. */
  readonly hasBegun?: boolean
  /** What happened to the steps in this call. */
  readonly steps?: StepRecord[]
  /** What happened to them in the calls that it resumes; undefined where it resumes none. */
  readonly earlier?: readonly StepRecord[] | undefined
}

/**
 * The result of what was thrown; whatever was under way when the person cancelled is a cancellation.
 * @param again makes the command that resumes it
 */
export function failedWith(
  thrown: unknown,
  signal: AbortSignal,
  again: StepContext['again'],
  { steps = [], earlier, hasBegun = earlier !== undefined }: SoFar,
): SequenceResult {
  const isCancelled = signal.aborted || (thrown instanceof OperatorError && thrown.kind === 'cancelled')
  if (isCancelled) {
    // What was cut off by the cancellation has nothing to advise.
    const own = thrown instanceof OperatorError && thrown.kind === 'cancelled' ? thrown.remedy : undefined
    const remedy = own ?? (hasBegun ? `to continue from here: ${again('--resume')}` : undefined)
    const failure = new OperatorError(describeStop(steps, earlier ?? [], hasBegun), {
      kind: 'cancelled',
      ...(remedy === undefined ? {} : { remedy }),
    })
    return { outcome: 'cancelled', steps, failure }
  }
  const failure = thrown instanceof OperatorError ? thrown : new OperatorError(messageOf(thrown), { cause: thrown })
  return { outcome: failure.kind, steps, failure }
}

/** `stopped; done so far: …; in the middle of: …`, over all attempts of the run. */
function describeStop(steps: readonly StepRecord[], earlier: readonly StepRecord[], hasBegun: boolean): string {
  if (!hasBegun) return 'stopped; nothing was changed'
  const all = stepsOf([{ steps: [...earlier] }, { steps: [...steps] }])
  const titles = (wanted: StepRecord['state']): string =>
    all
      .filter(({ state }) => state === wanted)
      .map(({ title }) => title)
      .join('; ')
  const isChanged = steps.some(({ state }) => state === 'done' || state === 'failed')
  const parts = { 'done so far': titles('done'), 'in the middle of': titles('failed') }
  const reported = Object.entries(parts).flatMap(([what, which]) => (which === '' ? [] : [`${what}: ${which}`]))
  return ['stopped', ...(isChanged ? [] : ['nothing more was changed']), ...reported].join('; ')
}

/**
 * Plans the steps, asks for consent and carries them out in order; stops at the first that fails, and rolls back where there is
 * one.
 * @returns what happened to each step; failures are in the result, not thrown
 */
export async function runSteps(procedure: StepSequence, run: StepContext, consent: Consent, hooks: Hooks): Promise<SequenceResult> {
  const { steps, rollback, alsoDestroys } = procedure
  const records: StepRecord[] = []
  const { earlier, lastTook } = hooks
  let begun = earlier !== undefined
  try {
    const plan = await makePlan(steps, run)
    const whole = wholeRun(plan, earlier ?? [])
    showPlan(plan, run, { earlier: earlier ?? [], lastTook }, consent === 'dry-run' ? run.console.answer : run.console)
    if (plan.every(({ status }) => status?.is === 'done')) {
      for (const { step, status } of plan)
        if (status !== undefined) records.push(record(step, doneState(status, false), Date.now(), detailOf(status)))
      // What was done before it was interrupted is the run's all the same.
      return { outcome: begun && consent !== 'dry-run' ? 'done' : 'unchanged', steps: records }
    }
    if (consent === 'dry-run') return planned(plan)
    await verifyConsent(plan, consent, run, alsoDestroys)
    let asks = consent.changes === 'ask'
    const begin = async (): Promise<'now' | 'before'> => {
      if (begun) return 'before'
      await hooks.begin()
      begun = true
      return 'now'
    }
    for (const [at, entry] of plan.entries()) {
      run.signal.throwIfAborted()
      const { step, status: foreseen } = entry
      const ready = async (todo: TodoStatus): Promise<StepStatus> => {
        for (let seen = todo; ;) {
          await verifyConsentTo(step, seen, foreseen, consent, run)
          const isAsked = step.isRecord !== true && (asks || (consent.changes === 'ask' && isUnforeseen(saidOf(plan, at))))
          if (isAsked) asks = (await askFor(step, seen, run, `${whole.indexOf(entry) + 1}/${whole.length}`)) === 'one'
          const locked = await begin()
          if (!isAsked && locked === 'before') return seen
          // The world may have moved while the person thought, or while another's lock was waited out: what is new is asked for as well.
          const now = await step.check(run)
          if (now.is !== 'todo' || now.change === seen.change) return now
          seen = now
        }
      }
      const status = await step.check(run)
      const now = status.is === 'todo' ? await ready(status) : status
      await hooks.enter(step.title)
      await carryOutStep(step, now, foreseen?.is === 'done', run, records, { begin: async () => void (await begin()), ready })
      hooks.keepSteps?.(records)
    }
    const hasDone = earlier !== undefined || records.some(({ state }) => state === 'done')
    return { outcome: hasDone ? 'done' : 'unchanged', steps: records }
  } catch (thrown) {
    const result = failedWith(thrown, run.signal, run.again, { hasBegun: begun, steps: records, earlier })
    const why = result.outcome === 'cancelled' ? 'cancelled' : 'failed'
    if (!begun || rollback?.shouldRollBack(why) !== true) return withState(result, procedure.ifStopped?.(records, begun))
    if (why === 'failed' && thrown instanceof UnfinishedError) return withState(result, { state: 'Nothing is rolled back' })
    return runRollback(rollback, result, why, hooks)
  }
}

/** The same result, with what state things are in now. */
function withState(result: SequenceResult, now: ReturnType<NonNullable<StepSequence['ifStopped']>>): SequenceResult {
  const { outcome, failure } = result
  if (now === undefined || failure === undefined || (outcome !== 'cancelled' && outcome !== 'failed')) return result
  const remedy = now.remedy ?? failure.remedy
  const reported = new OperatorError(`${failure.message}. ${now.state}`, {
    kind: outcome,
    ...(remedy === undefined ? {} : { remedy }),
    cause: failure,
  })
  return { ...result, failure: reported }
}

/** What only waits happens by itself, as Flux reconciles itself every minute. */
function planned(plan: readonly PlanEntry[]): SequenceResult {
  const steps = plan.map(({ step, status }) => {
    const detail = status === undefined ? dependsOnOthers : detailOf(status)
    return record(step, status?.is === 'done' ? doneState(status, false) : 'planned', Date.now(), detail)
  })
  return { outcome: plan.every(({ status }) => status?.is === 'done' || status?.is === 'waiting') ? 'unchanged' : 'planned', steps }
}

/** Carries out the rollback of a run that ended with `result`, and reports both. */
async function runRollback(rollback: Rollback, result: SequenceResult, why: 'failed' | 'cancelled', hooks: Hooks): Promise<SequenceResult> {
  const run = hooks.cleanup()
  const { steps } = result
  const what = result.failure?.message ?? ''
  if (why === 'failed') run.console.failure(what)
  run.console.action(`${rollback.title}${why === 'cancelled' ? '; Ctrl-C again ends at once and leaves things as they are' : ''}`)
  try {
    await hooks.beforeRollback?.(run)
    for (const step of rollback.steps) {
      await hooks.enter(`${rollback.title}: ${step.title}`)
      await carryOutStep(step, await step.check(run), false, run, steps, freely)
      hooks.keepSteps?.(steps)
    }
  } catch (thrown) {
    const now = await rollback.ifFailed?.(run, thrown)
    const remedy = now?.remedy ?? (thrown instanceof OperatorError ? thrown.remedy : undefined)
    const state = now === undefined ? '' : `. Now: ${now.state}`
    const how = thrown instanceof UnfinishedError ? 'is not finished' : 'failed'
    const failure = new OperatorError(`${what}; and ${rollback.title} ${how}: ${messageOf(thrown)}${state}`, {
      ...(remedy === undefined ? {} : { remedy }),
      cause: thrown,
    })
    return { outcome: 'failed', steps, failure }
  }
  if (why === 'cancelled') {
    const remedy = `to start again from the beginning: ${run.again('--fresh')}`
    const failure = new OperatorError('stopped; everything is as it was', { kind: 'cancelled', remedy })
    return { outcome: 'cancelled', steps, failure, isClosed: true }
  }
  const remedy = rollback.remedy ?? result.failure?.remedy
  const failure = new OperatorError(`${what}. Everything is as it was before`, {
    kind: 'rolled-back',
    ...(remedy === undefined ? {} : { remedy }),
    cause: result.failure,
  })
  return { outcome: 'rolled-back', steps, failure }
}

async function askFor(step: Step, status: TodoStatus, run: StepContext, position: string): Promise<'one' | 'all'> {
  run.console.line()
  run.console.action(`Step ${position}: ${step.title}`)
  run.console.line(`  ${status.change}`)
  for (const command of status.commands) run.console.faint(`  $ ${run.addressed(command)}`)
  for (const command of status.byHand ?? []) run.console.faint(`  by hand: ${run.addressed(command)}`)
  for (;;) {
    const answer = await choose('What now?', [
      { name: 'run', message: 'Run this step' },
      ...(status.details === undefined ? [] : [{ name: 'details', message: 'Show details' } as const]),
      { name: 'all', message: 'Run this and all remaining steps' },
      { name: 'stop', message: 'Stop here' },
    ])
    if (answer === 'run') return 'one'
    if (answer === 'all') return 'all'
    if (answer === 'stop') throw new OperatorError(`stopped before step ${position}, ${step.title}`, { kind: 'cancelled' })
    for (const detail of status.details ?? []) run.console.line(`  ${detail}`)
  }
}
