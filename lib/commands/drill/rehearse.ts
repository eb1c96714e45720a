import { setTimeout as pause } from 'node:timers/promises'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { compareSurvival } from '../../continuity/compare.ts'
import type { Fingerprint } from '../../continuity/fingerprint.ts'
import type { DrillOutcome } from './outcome.ts'
import type { Scenario } from './scenario.ts'

/** What a rehearsal does to, and asks of, the place it happens in. */
export interface RehearsalEnvironment {
  /** What is wrong with Flux, in a line; undefined where it is healthy. */
  readonly problem: () => Promise<string | undefined>
  readonly fingerprint: () => Promise<Fingerprint>
  readonly inject: (scenario: Scenario) => Promise<void>
  readonly undo: (scenario: Scenario) => Promise<void>
  /** Has recover.ts fix it, and undoes the fault where the scenario does so meanwhile; returns when that has ended. */
  readonly repair: (scenario: Scenario) => Promise<void>
  readonly cleanUp: (scenario: Scenario) => Promise<void>
  /** Commits something new; returns when Flux has applied it. */
  readonly commitApplied: () => Promise<void>
  readonly progress: (text: string) => void
  readonly signal: AbortSignal
  /** The longest any one wait may take, in milliseconds. */
  readonly timeout: number
}

/** A disaster that goes unnoticed this long is fixed all the same, in milliseconds. */
const noticeWithin = 180_000
const between = 500

/**
 * Rehearses one failure: injects it, waits until a health check notices, repairs it, and waits until all is healthy and a new commit is applied.
 * @param objectiveMs the time to recovery that is aimed at
 * @returns what it came to; a rehearsal that failed says why
 */
export async function rehearse(scenario: Scenario, objectiveMs: number, environment: RehearsalEnvironment): Promise<DrillOutcome> {
  const { signal, progress, timeout } = environment
  const before = await environment.fingerprint()
  const injectedAt = Date.now()
  const since = (): number => Date.now() - injectedAt
  let detectedMs: number | undefined
  let recoveredMs: number | undefined
  let failure: string | undefined
  try {
    progress(scenario.injects)
    await environment.inject(scenario)
    while (detectedMs === undefined && since() < Math.min(noticeWithin, timeout)) {
      const problem = await environment.problem()
      if (problem !== undefined) {
        detectedMs = since()
        progress(`noticed: ${problem}`)
      } else await pause(between, undefined, { signal })
    }
    if (scenario.undoOnce === undefined) await environment.undo(scenario)
    await environment.repair(scenario)
    progress('waiting until all is healthy and a new commit is applied')
    await environment.commitApplied()
    await untilHealthy(environment)
    recoveredMs = since()
  } catch (thrown) {
    await environment.undo(scenario) // cancelled too: nobody else would end what the lab was made to suffer
    signal.throwIfAborted()
    failure = messageOf(thrown)
  } finally {
    await environment.cleanUp(scenario).catch((thrown: unknown) => {
      failure = [failure, messageOf(thrown)].filter((text) => text !== undefined).join('; ')
    })
  }
  const { checked, changed, missing } = compareSurvival(scenario.isTotal === true ? [] : before, await environment.fingerprint())
  const lost = [...changed, ...missing]
  if (lost.length > 0) failure = [failure, `did not survive: ${lost.join(', ')}`].filter((text) => text !== undefined).join('; ')
  return {
    name: scenario.name,
    title: scenario.title,
    struckAt: new Date(injectedAt).toISOString(),
    detectedMs,
    recoveredMs,
    objectiveMs,
    met: failure === undefined && recoveredMs !== undefined && recoveredMs <= objectiveMs,
    mendedBy: recoveredMs === undefined ? 'nobody' : 'recover.ts',
    survival: { checked, changed: changed.length, missing: missing.length },
    ...(failure === undefined ? {} : { failure }),
  }
}

async function untilHealthy({ problem, progress, signal, timeout }: RehearsalEnvironment): Promise<void> {
  const deadline = Date.now() + timeout
  for (let what = await problem(); what !== undefined; what = await problem()) {
    if (Date.now() > deadline) throw new OperatorError(`gave up waiting: ${what}`)
    progress(`waiting: ${what}`)
    await pause(between, undefined, { signal })
  }
}
