import type { RunState } from '../../runner/run-state.ts'
import type { Session } from '../../connection/session.ts'
import type { Target } from '../../connection/target.ts'

/** What an upgrade works with besides what it remembers. */
export interface UpgradeStage {
  /** `upgrade`, `rollback` or `recover`: what a person would resume. */
  readonly script: string
  readonly session: Session
  readonly target: Target
  readonly memory: RunState
  readonly branch: string | undefined
}
