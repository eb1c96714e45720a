import { isDeepStrictEqual } from 'node:util'
import type { RunState } from '../../runner/run-state.ts'
import type { Step } from '../../runner/step.ts'
import type { Pauses } from './downtime.ts'
import { commitOf, checkpoint, readUpgradeState, type UpgradeState } from './state.ts'

/** Watches the controllers' pods from before Git changes. */
export function measuring(step: Step, pauses: Pauses): Step {
  return {
    ...step,
    apply(run, progress) {
      pauses.start(run.cluster)
      return step.apply(run, progress)
    },
  }
}

/** Remembers what is measured, as soon as it is: a run that is killed meanwhile tells it when it is resumed, and measures on. */
export function remembering(step: Step, pauses: Pauses, memory: RunState): Step {
  return {
    ...step,
    async check(run) {
      if (commitOf(memory) !== '') pauses.start(run.cluster)
      const status = await step.check(run)
      const known = readUpgradeState(memory)?.pauses ?? {}
      const all = { ...known, ...pauses.measured() }
      if (!isDeepStrictEqual(all, known)) noteMeasured(memory, all)
      return status
    },
  }
}

/** What only the report reports ends no upgrade: on a full disk it is reported by this process, or not at all. */
function noteMeasured(memory: RunState, pauses: UpgradeState['pauses']): void {
  try {
    checkpoint(memory, { pauses })
  } catch {
    // The run's end says that its files could not be written.
  }
}
