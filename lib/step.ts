import type { Watched } from './cluster/watch.ts'
import type { Run } from './run.ts'

/** How things are, seen without changing them. */
export type Look =
  | { readonly is: 'done'; readonly detail: string }
  /** Something is to be done: what will change, and what a person would type for it. */
  | { readonly is: 'todo'; readonly change: string; readonly commands: readonly string[]; readonly details?: readonly string[] }
  /** Nothing is to be done but to wait: the cluster is on its way. */
  | { readonly is: 'waiting'; readonly on: string }
  /** No waiting helps: a person must do something first. */
  | { readonly is: 'blocked'; readonly reason: string; readonly remedy: string }

/** A look in one line. */
export function detailOf(look: Look): string {
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

/**
 * One thing a runbook tells people to do. `look` never writes: it is the idempotence check, the dry run and, taken again whenever
 * something in `watches` changes, the verification.
 */
export interface Step {
  /** Stable: reports and tests name it. */
  readonly id: string
  /** Imperative. */
  readonly title: string
  /** Which consent it needs. */
  readonly risk: 'safe' | 'change' | 'destroy'
  readonly look: (run: Run) => Promise<Look>
  /** Makes it so. What takes long tells how far it is: `progress('312 of 1000 finalizers off')`. */
  readonly act: (run: Run, progress: (text: string) => void) => Promise<void>
  /** While it waits, every ten seconds: asks again for what a controller by itself tries ever more rarely. */
  readonly urge?: (run: Run) => Promise<void>
  /** Where the change shows that the step waits for; nothing where `act` is over when it returns. */
  readonly watches?: readonly Watched[]
}

export type StepState = 'done' | 'already' | 'skipped' | 'failed' | 'planned'

/** What became of a step. */
export interface StepRecord {
  readonly id: string
  readonly title: string
  readonly risk: Step['risk']
  readonly state: StepState
  readonly startedAt: string
  readonly durationMs: number
  readonly detail: string
}
