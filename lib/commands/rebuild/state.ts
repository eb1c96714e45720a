import * as v from 'valibot'
import type { RunState } from '../../runner/run-state.ts'
import { showDuration } from '../../base/duration.ts'
import type { Step } from '../../runner/step.ts'
import { recordTeardown, readTeardownState } from '../teardown/state.ts'

/** What a rebuild must remember beside what its teardown does. */
const notesSchema = v.object({
  /** What was unhealthy before: no failure of the rebuild if it is afterwards. The key is that of earlier versions. */
  sick: v.optional(v.array(v.string())),
  /** When Flux was back and verified. */
  backAt: v.optional(v.string()),
  /** The commit that records the window. */
  recordedIn: v.optional(v.string()),
})
type RebuildState = v.InferOutput<typeof notesSchema>

export function readRebuildState(memory: RunState): RebuildState {
  return v.parse(notesSchema, memory.read().rebuild ?? {})
}

export function recordRebuild(memory: RunState, more: Partial<RebuildState>): void {
  memory.write({ rebuild: { ...readRebuildState(memory), ...more } })
}

/** From then on this run, resumed or not, finds nothing to tear down: what is there is its own work. */
export function recordTornDown(say: (milestone: string) => Promise<void>): Step {
  return {
    id: 'torn-down',
    title: 'Record that Flux is down: this run never removes it again',
    risk: 'safe',
    isRecord: true,
    check({ memory }) {
      const { isOver } = readTeardownState(memory)
      if (isOver !== undefined) return Promise.resolve({ is: 'done', detail: `since ${isOver}` })
      return Promise.resolve({ is: 'todo', change: "record it in the run's state", commands: [] })
    },
    async apply({ memory }) {
      recordTeardown(memory, { isOver: new Date().toISOString() })
      await say('Flux is down, and what it deployed is still running')
    },
  }
}

/** Flux is back: the end of the time that it was away. */
export function recordReturn(say: (milestone: string) => Promise<void>): Step {
  return {
    id: 'back',
    title: 'Record that Flux is back',
    risk: 'safe',
    isRecord: true,
    check({ memory }) {
      const { backAt } = readRebuildState(memory)
      if (backAt !== undefined) return Promise.resolve({ is: 'done', detail: describeAbsence(memory) })
      return Promise.resolve({ is: 'todo', change: "record it in the run's state", commands: [] })
    },
    async apply({ memory }) {
      recordRebuild(memory, { backAt: new Date().toISOString() })
      await say(`Flux is back; ${describeAbsence(memory)}`)
    },
  }
}

/** How long Flux was away: what changed in Git meanwhile waited for as long. */
export function describeAbsence(memory: RunState): string {
  const { stoppedAt, backAt, away } = describeDowntime(memory)
  if (stoppedAt === 'never') return 'it had not been running'
  return backAt === undefined ? `it has been down since ${stoppedAt}` : `it was down for ${away}, from ${stoppedAt} to ${backAt}`
}

/** When Flux was stopped (`never` where it did not run), when it was back, and how long that was. */
export function describeDowntime(memory: RunState): { stoppedAt: string; backAt: string | undefined; away: string } {
  const { stoppedAt } = readTeardownState(memory)
  const { backAt } = readRebuildState(memory)
  if (stoppedAt === undefined || backAt === undefined) return { stoppedAt: stoppedAt ?? 'never', backAt, away: 'not known' }
  return { stoppedAt, backAt, away: showDuration(Date.parse(backAt) - Date.parse(stoppedAt)) }
}
