import { onChange } from './cluster/watch.ts'
import type { Waiting } from './console.ts'
import { type FailureKind, messageOf, OperatorError } from './errors.ts'
import { choose } from './prompt.ts'
import type { Run } from './run.ts'
import type { Look, Step, StepRecord } from './step.ts'

/** How the person consents: asked before each step, or by flag. `none` is a job without a terminal and without --yes. */
export type Consent = 'ask' | 'given' | 'none' | 'dry-run'

export interface Result {
  readonly outcome: 'done' | 'unchanged' | 'planned' | FailureKind
  readonly steps: StepRecord[]
  readonly failure?: OperatorError
}

/** The result of what was thrown; whatever was under way when the person cancelled is a cancellation. */
export function failedWith(thrown: unknown, signal: AbortSignal, steps: StepRecord[] = []): Result {
  const isCancelled = signal.aborted || (thrown instanceof OperatorError && thrown.kind === 'cancelled')
  if (isCancelled) {
    const done = steps.filter(({ state }) => state === 'done').map(({ title }) => title)
    const what = done.length === 0 ? 'stopped; nothing was changed' : `stopped; done so far: ${done.join('; ')}`
    const failure = new OperatorError(what, {
      kind: 'cancelled',
      remedy: done.length === 0 ? 'nothing is left to do or undo' : 'run the same command with --resume to go on from here',
    })
    return { outcome: 'cancelled', steps, failure }
  }
  const failure = thrown instanceof OperatorError ? thrown : new OperatorError(messageOf(thrown), { cause: thrown })
  return { outcome: failure.kind, steps, failure }
}

/** Looks are taken again at least this often, should a watch miss something, in milliseconds. */
const longestSilence = 5_000

/**
 * Plans the steps, asks for consent and carries them out in order; stops at the first that fails.
 * @param begin is called once before the first step that changes something, as to take the lock
 * @param enter is told each step that is carried out
 * @returns what became of each step; failures are in the result, not thrown
 */
export async function carryOut(
  steps: readonly Step[],
  run: Run,
  consent: Consent,
  begin: () => Promise<void>,
  enter: (title: string) => void,
): Promise<Result> {
  const records: StepRecord[] = []
  try {
    const plan = await makePlan(steps, run)
    showPlan(plan, run)
    const isTodo = ({ look }: Planned): boolean => look.is === 'todo'
    if (plan.every(({ look }) => look.is === 'done')) {
      for (const { step, look } of plan) records.push(record(step, 'already', Date.now(), detailOf(look)))
      return { outcome: 'unchanged', steps: records }
    }
    if (consent === 'dry-run') {
      for (const { step, look } of plan) records.push(record(step, look.is === 'done' ? 'already' : 'planned', Date.now(), detailOf(look)))
      // What only waits happens by itself, as Flux looks at itself every minute.
      return { outcome: plan.every(({ look }) => look.is === 'done' || look.is === 'waiting') ? 'unchanged' : 'planned', steps: records }
    }
    if (consent === 'none' && plan.some(isTodo)) {
      throw new OperatorError('nothing was changed: there is no terminal to ask for consent on', {
        kind: 'usage',
        remedy: `npx zx scripts/${run.script}.ts … --yes`,
      })
    }
    let asks = consent === 'ask'
    let begun = false
    for (const [at, step] of steps.entries()) {
      run.signal.throwIfAborted()
      let look = await step.look(run)
      if (look.is === 'todo' && asks) {
        asks = (await askFor(step, look, run, `${at + 1}/${steps.length}`)) === 'one'
        look = await step.look(run) // the world may have moved while the person thought
      }
      if (look.is === 'todo' && !begun) {
        await begin()
        begun = true
      }
      enter(step.title)
      await carryOutStep(step, look, plan[at]?.look.is === 'done', run, records)
    }
    return { outcome: records.some(({ state }) => state === 'done') ? 'done' : 'unchanged', steps: records }
  } catch (thrown) {
    return failedWith(thrown, run.signal, records)
  }
}

interface Planned {
  readonly step: Step
  readonly look: Look
}

/** Looks at every step in turn. What comes after a change can't be known for sure before it, and says so. */
async function makePlan(steps: readonly Step[], run: Run): Promise<Planned[]> {
  const waiting = run.console.wait('looking at the cluster')
  try {
    const plan: Planned[] = []
    for (const step of steps) {
      plan.push({ step, look: await step.look(run) })
    }
    return plan
  } finally {
    waiting.stop()
  }
}

function showPlan(plan: readonly Planned[], run: Run): void {
  run.console.line()
  run.console.line(`Plan for ${run.place}`)
  let changed = false
  for (const [at, { step, look }] of plan.entries()) {
    const number = `${at + 1}.`.padStart(4)
    if (look.is === 'done') run.console.line(`${number} ✔ ${step.title}: ${look.detail}`)
    else if (look.is === 'todo') run.console.line(`${number} ✚ ${step.title}: ${look.change}`)
    else if (changed) run.console.line(`${number} ◎ ${step.title}: (known after apply)`)
    else run.console.line(`${number} ${look.is === 'waiting' ? '◎' : '✗'} ${step.title}: ${detailOf(look)}`)
    if (look.is !== 'done') changed = true
  }
  run.console.line()
}

function detailOf(look: Look): string {
  switch (look.is) {
    case 'done':
      return look.detail
    case 'todo':
      return look.change
    case 'waiting':
      return look.on
    case 'blocked':
      return look.reason
  }
}

async function askFor(step: Step, look: Look & { is: 'todo' }, run: Run, position: string): Promise<'one' | 'all'> {
  run.console.line()
  run.console.action(`Step ${position}: ${step.title}`)
  run.console.line(`  ${look.change}`)
  for (const command of look.commands) run.console.faint(`  $ ${command}`)
  for (;;) {
    const answer = await choose('What now?', [
      { name: 'run', message: 'Run this step' },
      { name: 'details', message: 'Show details' },
      { name: 'all', message: 'Run this and all that remain' },
      { name: 'stop', message: 'Stop here' },
    ])
    if (answer === 'run') return 'one'
    if (answer === 'all') return 'all'
    if (answer === 'stop') throw new OperatorError(`stopped before step ${position}, ${step.title}`, { kind: 'cancelled' })
    for (const detail of look.details ?? ['there is nothing more to say about this step']) run.console.line(`  ${detail}`)
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
    if (seen.is === 'todo') await step.act(run)
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
