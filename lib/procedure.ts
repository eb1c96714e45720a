import { onChange } from './cluster/watch.ts'
import { type Consent, verifyConsent } from './consent.ts'
import type { Waiting } from './console.ts'
import { type FailureKind, messageOf, OperatorError } from './errors.ts'
import { makePlan, type Planned, showPlan } from './plan.ts'
import { choose } from './prompt.ts'
import type { Run } from './run.ts'
import { detailOf, type Look, type Step, type StepRecord } from './step.ts'

/** Steps in their order, and what is done when they fail. */
export interface Procedure {
  readonly steps: readonly Step[]
  readonly wayBack?: WayBack
  /** Why the run may have to destroy something although none of its steps does, as a way back may: it needs that consent beforehand. */
  readonly alsoDestroys?: string
}

/** Puts things back as they were when the run began; carried out without asking, even though the person has cancelled. */
export interface WayBack {
  /** What is said when it begins: `putting Flux back as it was`. */
  readonly title: string
  /** Whether it is to be taken; asked when the run failed or was cancelled after it had changed something. */
  readonly isTaken: (why: 'failed' | 'cancelled') => boolean
  readonly steps: readonly Step[]
  /** What to do next once things are back; else what the failure itself advises. */
  readonly remedy?: string
  /** What state things are in where the way back fails, and the commands that finish it. */
  readonly ifFailed?: (run: Run, thrown: unknown) => Promise<{ state: string; remedy: string }>
}

export interface Result {
  readonly outcome: 'done' | 'unchanged' | 'planned' | FailureKind
  readonly steps: StepRecord[]
  readonly failure?: OperatorError
}

/** What a procedure calls when it comes to it. */
export interface Hooks {
  /** Before the first step that changes something, as to take the lock. */
  readonly begin: () => Promise<void>
  /** At each step that is carried out. */
  readonly enter: (title: string) => void
  /** The same run, which a cancellation does not end: the way back is carried out on it. */
  readonly parting: () => Run
  /** How long the procedure took the last time, in milliseconds. */
  readonly lastTook?: number | undefined
  /** That the run had changed something before it was interrupted. */
  readonly hasBegun?: boolean
}

/**
 * The result of what was thrown; whatever was under way when the person cancelled is a cancellation.
 * @param hasBegun that the run may have changed something, in this call or in one before that it goes on with
 */
export function failedWith(thrown: unknown, signal: AbortSignal, hasBegun: boolean, steps: StepRecord[] = []): Result {
  const isCancelled = signal.aborted || (thrown instanceof OperatorError && thrown.kind === 'cancelled')
  if (isCancelled) {
    const own = thrown instanceof OperatorError ? thrown.remedy : undefined
    const remedy = hasBegun ? 'run the same command with --resume to go on from here' : 'nothing is left to do or undo'
    const failure = new OperatorError(describeStop(steps, hasBegun), { kind: 'cancelled', remedy: own ?? remedy })
    return { outcome: 'cancelled', steps, failure }
  }
  const failure = thrown instanceof OperatorError ? thrown : new OperatorError(messageOf(thrown), { cause: thrown })
  return { outcome: failure.kind, steps, failure }
}

/** `stopped; done so far: …; in the middle of: …`. */
function describeStop(steps: readonly StepRecord[], hasBegun: boolean): string {
  if (!hasBegun) return 'stopped; nothing was changed'
  const titles = (wanted: StepRecord['state']): string =>
    steps
      .filter(({ state }) => state === wanted)
      .map(({ title }) => title)
      .join('; ')
  const parts = { 'done so far': titles('done'), 'in the middle of': titles('failed') }
  const told = Object.entries(parts).flatMap(([what, which]) => (which === '' ? [] : [`${what}: ${which}`]))
  return ['stopped', ...(told.length === 0 ? ['nothing more was changed'] : told)].join('; ')
}

/** Looks are taken again at least this often, should a watch miss something, in milliseconds. */
const longestSilence = 5_000
/** How often a controller is urged, in milliseconds. */
const urgedEvery = 10_000

/**
 * Plans the steps, asks for consent and carries them out in order; stops at the first that fails, and goes the way back where there is
 * one.
 * @returns what became of each step; failures are in the result, not thrown
 */
export async function carryOut(procedure: Procedure, run: Run, consent: Consent, hooks: Hooks): Promise<Result> {
  const { steps, wayBack, alsoDestroys } = procedure
  const records: StepRecord[] = []
  let begun = hooks.hasBegun === true
  try {
    const plan = await makePlan(steps, run)
    showPlan(plan, run, hooks.lastTook)
    if (plan.every(({ look }) => look?.is === 'done')) {
      for (const { step, look } of plan) records.push(record(step, 'already', Date.now(), look === undefined ? '' : detailOf(look)))
      return { outcome: 'unchanged', steps: records }
    }
    if (consent === 'dry-run') return planned(plan)
    await verifyConsent(plan, consent, run, alsoDestroys)
    let asks = consent.changes === 'ask'
    for (const [at, step] of steps.entries()) {
      run.signal.throwIfAborted()
      let look = await step.look(run)
      if (look.is === 'todo' && asks) {
        asks = (await askFor(step, look, run, `${at + 1}/${steps.length}`)) === 'one'
        look = await step.look(run) // the world may have moved while the person thought
      }
      if (look.is === 'todo' && !begun) {
        await hooks.begin()
        begun = true
      }
      hooks.enter(step.title)
      await carryOutStep(step, look, plan[at]?.look?.is === 'done', run, records)
    }
    return { outcome: records.some(({ state }) => state === 'done') ? 'done' : 'unchanged', steps: records }
  } catch (thrown) {
    const result = failedWith(thrown, run.signal, begun, records)
    const why = result.outcome === 'cancelled' ? 'cancelled' : 'failed'
    return begun && wayBack?.isTaken(why) === true ? goBack(wayBack, result, why, hooks) : result
  }
}

/** What only waits happens by itself, as Flux looks at itself every minute. */
function planned(plan: readonly Planned[]): Result {
  const steps = plan.map(({ step, look }) => {
    const detail = look === undefined ? '(known after apply)' : detailOf(look)
    return record(step, look?.is === 'done' ? 'already' : 'planned', Date.now(), detail)
  })
  return { outcome: plan.every(({ look }) => look?.is === 'done' || look?.is === 'waiting') ? 'unchanged' : 'planned', steps }
}

/** Carries out the way back of a run that ended with `result`, and tells both. */
async function goBack(wayBack: WayBack, result: Result, why: 'failed' | 'cancelled', hooks: Hooks): Promise<Result> {
  const run = hooks.parting()
  const { steps } = result
  const what = result.failure?.message ?? ''
  if (why === 'failed') run.console.failure(what)
  run.console.action(`${wayBack.title}${why === 'cancelled' ? '; Ctrl-C again ends at once and leaves things as they are' : ''}`)
  try {
    for (const step of wayBack.steps) {
      hooks.enter(`${wayBack.title}: ${step.title}`)
      await carryOutStep(step, await step.look(run), false, run, steps)
    }
  } catch (thrown) {
    const now = await wayBack.ifFailed?.(run, thrown)
    const remedy = now?.remedy ?? (thrown instanceof OperatorError ? thrown.remedy : undefined)
    const state = now === undefined ? '' : `. Now: ${now.state}`
    const failure = new OperatorError(`${what}; and ${wayBack.title} failed: ${messageOf(thrown)}${state}`, {
      ...(remedy === undefined ? {} : { remedy }),
      cause: thrown,
    })
    return { outcome: 'failed', steps, failure }
  }
  if (why === 'cancelled') {
    const failure = new OperatorError('stopped; everything is as it was', { kind: 'cancelled', remedy: 'nothing is left to do or undo' })
    return { outcome: 'cancelled', steps, failure }
  }
  const remedy = wayBack.remedy ?? result.failure?.remedy
  const failure = new OperatorError(`${what}. Everything is back as it was`, {
    kind: 'rolled-back',
    ...(remedy === undefined ? {} : { remedy }),
    cause: result.failure,
  })
  return { outcome: 'rolled-back', steps, failure }
}

async function askFor(step: Step, look: Look & { is: 'todo' }, run: Run, position: string): Promise<'one' | 'all'> {
  run.console.line()
  run.console.action(`Step ${position}: ${step.title}`)
  run.console.line(`  ${look.change}`)
  for (const command of look.commands) run.console.faint(`  $ ${command}`)
  for (;;) {
    const answer = await choose('What now?', [
      { name: 'run', message: 'Run this step' },
      ...(look.details === undefined ? [] : [{ name: 'details', message: 'Show details' } as const]),
      { name: 'all', message: 'Run this and all that remain' },
      { name: 'stop', message: 'Stop here' },
    ])
    if (answer === 'run') return 'one'
    if (answer === 'all') return 'all'
    if (answer === 'stop') throw new OperatorError(`stopped before step ${position}, ${step.title}`, { kind: 'cancelled' })
    for (const detail of look.details ?? []) run.console.line(`  ${detail}`)
  }
}

/**
 * Carries out one step and adds what became of it, a failure too, to the records.
 * @param seen how things are now
 * @param wasDone that the plan found it done: what came to be since, came from the steps before
 */
async function carryOutStep(step: Step, seen: Look, wasDone: boolean, run: Run, records: StepRecord[]): Promise<void> {
  const started = Date.now()
  // Where nothing was changed yet, what came to be came by itself.
  const isChanged = seen.is === 'todo' || (!wasDone && records.some(({ state }) => state === 'done'))
  const state = isChanged ? 'done' : 'already'
  if (seen.is === 'done') {
    run.console.success(`${step.title}: ${seen.detail}`)
    records.push(record(step, state, started, seen.detail))
    return
  }
  const waiting = run.console.wait(step.title)
  try {
    if (seen.is === 'todo') await step.act(run, (text) => waiting.on(`${step.title}: ${text}`))
    const detail = await settle(step, run, waiting)
    waiting.success(`${step.title}: ${detail}`)
    records.push(record(step, state, started, detail))
  } catch (thrown) {
    if (run.signal.aborted) waiting.stop()
    else waiting.failure(step.title)
    records.push(record(step, 'failed', started, run.signal.aborted ? 'interrupted' : messageOf(thrown)))
    throw thrown
  }
}

/** Takes the step's look again at every change until it is done. */
async function settle(step: Step, run: Run, waiting: Waiting): Promise<string> {
  const deadline = Date.now() + run.timeout
  let urged = Date.now()
  const changes = onChange(run.cluster, step.watches ?? [])
  try {
    for (;;) {
      const look = await step.look(run)
      if (look.is === 'done') return look.detail
      if (look.is === 'blocked') throw new OperatorError(`${step.title}: ${look.reason}`, { remedy: look.remedy })
      if (step.watches === undefined) throw new OperatorError(`${step.title}: done, yet ${detailOf(look)} is still wanted`)
      const left = deadline - Date.now()
      if (left <= 0) {
        throw new OperatorError(`${step.title}: gave up waiting: ${detailOf(look)}`, {
          remedy: `the cluster may still get there; run the same command again with --resume to go on from here, with more --timeout if need be`,
        })
      }
      waiting.on(`${step.title}: ${detailOf(look)}`)
      if (Date.now() - urged >= urgedEvery) {
        urged = Date.now()
        await step.urge?.(run)
      }
      await changes.next(Math.min(left, longestSilence))
    }
  } finally {
    changes.stop()
  }
}

function record(step: Step, state: StepRecord['state'], started: number, detail: string): StepRecord {
  const { id, title, risk } = step
  return { id, title, risk, state, startedAt: new Date(started).toISOString(), durationMs: Date.now() - started, detail }
}
