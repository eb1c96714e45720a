import { waitUntil } from '../kubernetes/wait-until.ts'
import type { Waiting } from '../terminal/console.ts'
import { showDuration } from '../base/duration.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { StepContext } from './step.ts'
import { detailOf, type StepStatus, type Step, type StepRecord, type TodoStatus } from './step.ts'

/** How often a step is checked again in case a watch misses something, in milliseconds. */
const checkedEvery = 5_000
/** How often a controller is nudged, in milliseconds. */
const nudgedEvery = 10_000

/** What must come first where a step that only waited acts, or asks a controller to. */
export interface Turn {
  /** Before the first write of the run. */
  readonly begin: () => Promise<void>
  /**
   * Right before the step acts: makes sure of the consent to just that, and of the lock.
   * @returns how things are then; what is still to be done was consented to
   * @throws OperatorError `usage` where there is no consent
   */
  readonly ready: (status: TodoStatus) => Promise<StepStatus>
}

/** A rollback has begun, and asks nobody. */
export const freely: Turn = { begin: () => Promise.resolve(), ready: (status) => Promise.resolve(status) }

/**
 * Carries out one step and adds what happened to it, a failure too, to the records. Where it only waited, and its check then says that
 * something is to be done, it does that: what only the step would do is not waited for.
 * @param seen how things are now
 * @param wasDone that the plan found it done: what came to be since, came from the steps before
 */
export async function carryOutStep(
  step: Step,
  seen: StepStatus,
  wasDone: boolean,
  run: StepContext,
  records: StepRecord[],
  turn: Turn,
): Promise<void> {
  const started = Date.now()
  // Where nothing was changed yet, what came to be came by itself.
  const cameFromSteps = !wasDone && records.some(({ state }) => state === 'done')
  if (seen.is === 'done') {
    const line = `${step.title}: ${seen.detail}`
    if (seen.isSkipped === true) run.console.faint(`– ${line}`)
    else run.console.success(line)
    records.push(record(step, doneState(seen, cameFromSteps), started, seen.detail))
    return
  }
  let hasActed = false
  let waiting = run.console.wait(step.title)
  const apply = async (): Promise<void> => {
    await run.verifyLocked() // a push and another program ask nobody; the machine may have slept since
    hasActed = true
    await step.apply(run, (text) => waiting.on(`${step.title}: ${text}`))
  }
  try {
    if (seen.is === 'todo') await apply()
    let status = await waitUntilSettled(step, run, waiting, hasActed, turn.begin)
    while (status.is === 'todo' && !hasActed) {
      waiting.stop()
      const now = await turn.ready(status)
      waiting = run.console.wait(step.title)
      if (now.is === 'todo') await apply()
      status = await waitUntilSettled(step, run, waiting, hasActed, turn.begin)
    }
    const detail = detailOf(status)
    const state = doneState(status, hasActed || cameFromSteps)
    const line = `${step.title}: ${detail}`
    if (state === 'skipped') {
      waiting.stop()
      run.console.faint(`– ${line}`)
    } else waiting.success(line)
    records.push(record(step, state, started, detail))
  } catch (thrown) {
    // What was thrown is reported anyway: where it begins with the title, that is not said twice.
    if (run.signal.aborted || messageOf(thrown).startsWith(step.title)) waiting.stop()
    else waiting.failure(step.title)
    records.push(record(step, 'failed', started, run.signal.aborted ? 'interrupted' : messageOf(thrown)))
    throw thrown
  }
}

/** Checks the step again at every change until it is done; or, where it has not applied anything yet, until there is something for it to do. */
async function waitUntilSettled(
  step: Step,
  run: StepContext,
  waiting: Waiting,
  hasActed: boolean,
  begin: Turn['begin'],
): Promise<StepStatus> {
  let nudged = Date.now()
  const isSettled = (status: StepStatus): boolean => status.is === 'done' || (status.is === 'todo' && !hasActed)
  const last = await waitUntil(run.cluster, {
    watches: step.watches ?? [],
    timeout: run.timeout,
    every: checkedEvery,
    check: () => step.check(run),
    isOver: (status) => isSettled(status) || status.is === 'blocked' || step.watches === undefined,
    async meanwhile(status) {
      waiting.on(`${step.title}: ${detailOf(status)}`)
      if (step.nudge === undefined || Date.now() - nudged < nudgedEvery) return
      nudged = Date.now()
      await begin() // it writes
      await step.nudge(run)
    },
  })
  if (isSettled(last)) return last
  if (last.is === 'blocked') throw new OperatorError(`${step.title}: ${last.reason}`, { remedy: last.remedy })
  if (step.watches === undefined) throw new OperatorError(`${step.title}: applied, but this is still to be done: ${detailOf(last)}`)
  const again = `to continue from here, with a longer --timeout if necessary: ${run.again('--resume')}`
  const why = last.is === 'waiting' ? await step.whyUnfinished?.(run) : undefined
  if (why !== undefined) {
    const limit = showDuration(run.timeout)
    throw new UnfinishedError(`${step.title}: not finished after ${limit}: ${detailOf(last)}. ${why}`, { remedy: again })
  }
  throw new OperatorError(`${step.title}: gave up waiting: ${detailOf(last)}`, {
    remedy: `the cluster may still reach that state; ${again}`,
  })
}

/** What is recorded of a step that is done. */
export function doneState(status: StepStatus, isOfThisRun: boolean): 'done' | 'already' | 'skipped' {
  if (status.is === 'done' && status.isSkipped === true) return 'skipped'
  return isOfThisRun ? 'done' : 'already'
}

/** That a wait took longer than it may, while nothing has failed: no reason to roll back. */
export class UnfinishedError extends OperatorError {}

export function record(step: Step, state: StepRecord['state'], started: number, detail: string): StepRecord {
  const { id, title, risk } = step
  return { id, title, risk, state, startedAt: new Date(started).toISOString(), durationMs: Date.now() - started, detail }
}
