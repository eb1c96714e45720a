import type { Cluster } from '../kubernetes/client.ts'
import type { Watched } from '../kubernetes/watch.ts'
import type { Console } from '../terminal/console.ts'
import type { RunState } from './run-state.ts'

/** How things are, seen without changing them. */
export type Look =
  | { readonly is: 'done'; readonly detail: string }
  /** Something is to be done: what will change, and what a person would type for it. */
  | {
      readonly is: 'todo'
      readonly change: string
      /** Each can be pasted as it stands. */
      readonly commands: readonly string[]
      /** What a person would type instead, with a file to write or a name to fill in first. */
      readonly byHand?: readonly string[]
      readonly details?: readonly string[]
    }
  /** Nothing is to be done but to wait: the cluster is on its way. */
  | { readonly is: 'waiting'; readonly on: string }
  /** No waiting helps: a person must do something first. */
  | { readonly is: 'blocked'; readonly reason: string; readonly remedy: string }

/** A look that found something to be done. */
export type Todo = Look & { readonly is: 'todo' }

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
  readonly look: (run: StepContext) => Promise<Look>
  /** Makes it so. What takes long tells how far it is: `progress('312 of 1000 finalizers off')`. */
  readonly act: (run: StepContext, progress: (text: string) => void) => Promise<void>
  /** While it waits, every ten seconds: asks again for what a controller by itself tries ever more rarely. */
  readonly urge?: (run: StepContext) => Promise<void>
  /** The ids of earlier steps that undo what this one does: where one of them acts, this one has to. */
  readonly undoneBy?: readonly string[]
  /** Where the change shows that the step waits for; nothing where `act` is over when it returns. */
  readonly watches?: readonly Watched[]
}

/** What a step's last look saw, beyond what it says of itself, and when, in the milliseconds of `performance.now()`. */
export interface Observed<T> {
  readonly value: T
  readonly at: number
}

/** A step whose last look the report tells of; undefined as long as it has not looked. */
export interface ObservingStep<T> extends Step {
  readonly observed: () => Observed<T> | undefined
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
/** What every step of a run works with. */
export interface StepContext {
  readonly id: string
  /** `bootstrap`, `teardown`, … */
  readonly script: string
  readonly context: string
  /** The context, whether it is the lab or real, and the server's URL: what people check before they consent. */
  readonly place: string
  /** The flags that name this cluster, for commands that people are asked to type: `--context infra`. */
  readonly where: string
  /** The command that was typed, with these flags too: `again('--resume')`. */
  readonly again: (...flags: readonly string[]) => string
  /** A command line as it is printed: with the cluster named in it. */
  readonly addressed: (command: string) => string
  readonly cluster: Cluster
  readonly console: Console
  readonly memory: RunState
  /** The longest any one wait may take, in milliseconds. */
  readonly timeout: number
  /** Aborts when the person cancels. */
  readonly signal: AbortSignal
  readonly clean: (text: string) => string
}
