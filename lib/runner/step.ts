import type { Cluster } from '../kubernetes/client.ts'
import type { WatchTarget } from '../kubernetes/watch.ts'
import type { Console } from '../terminal/console.ts'
import type { RunState } from './run-state.ts'

/** What a step finds, without changing anything. */
export type StepStatus =
  | {
      readonly is: 'done'
      readonly detail: string
      /** That it is left out, as the detail says: nothing was done, and nothing verified. */
      readonly isSkipped?: true
    }
  /** Something is to be done: what will change, and what a person would type for it. */
  | {
      readonly is: 'todo'
      readonly change: string
      /** Each can be pasted as it is. */
      readonly commands: readonly string[]
      /** What a person would type instead, with a file to write or a name to fill in first. */
      readonly byHand?: readonly string[]
      readonly details?: readonly string[]
    }
  /** Nothing is to be done but to wait: the cluster is on its way. */
  | { readonly is: 'waiting'; readonly on: string }
  /** No waiting helps: a person must do something first. */
  | { readonly is: 'blocked'; readonly reason: string; readonly remedy: string }

/** A status that says there is something to do. */
export type TodoStatus = StepStatus & { readonly is: 'todo' }

/** A status in one line. */
export function detailOf(status: StepStatus): string {
  switch (status.is) {
    case 'done':
      return status.detail
    case 'todo':
      return status.change
    case 'waiting':
      return status.on
    case 'blocked':
      return status.reason
  }
}

/**
 * One thing a runbook tells people to do. `check` never writes: it is the idempotence check, the dry run and, repeated whenever
 * something in `watches` changes, the verification.
 */
export interface Step {
  /** Stable: reports and tests name it. */
  readonly id: string
  /** Imperative. */
  readonly title: string
  /** Which consent it needs. */
  readonly risk: 'safe' | 'change' | 'destroy'
  readonly check: (run: StepContext) => Promise<StepStatus>
  /** Makes the change. What takes long reports its progress: `progress('312 of 1000 finalizers off')`. */
  readonly apply: (run: StepContext, progress: (text: string) => void) => Promise<void>
  /** While it waits, every ten seconds: asks again for what a controller retries ever more rarely by itself. */
  readonly nudge?: (run: StepContext) => Promise<void>
  /**
   * Where `--timeout` is over and it still waits: what shows that nothing has failed, and that it may yet come. Undefined where it counts as
   * failed.
   */
  readonly whyUnfinished?: (run: StepContext) => Promise<string | undefined>
  /** The ids of earlier steps that undo what this one does: where one of them acts, this one has to. */
  readonly undoneBy?: readonly string[]
  /** It only writes into the run's own folder what is so already: nobody is asked about that, and no time passes until someone answers. */
  readonly isRecord?: true
  /** Where the change shows that the step waits for; nothing where `apply` is over when it returns. */
  readonly watches?: readonly WatchTarget[]
}

/** What a step's last check saw, beyond its status, and when, in the milliseconds of `performance.now()`. */
export interface Observation<T> {
  readonly value: T
  readonly at: number
}

/** A step whose last check the report includes; undefined until it has checked. */
export interface ObservingStep<T> extends Step {
  readonly observed: () => Observation<T> | undefined
}

export type StepState = 'done' | 'already' | 'skipped' | 'failed' | 'planned'

/** What happened to a step. */
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
  /** The context, the server's URL, and whether it is the lab's: what people check before they consent. */
  readonly place: string
  /** The flags that name this cluster, for commands that people are asked to type: `--context infra`. */
  readonly where: string
  /** The command that was typed, with these flags too: `again('--resume')`. */
  readonly again: (...flags: readonly string[]) => string
  /** A command line as it is printed: with the cluster named in it. */
  readonly addressed: (command: string) => string
  /** Each write to it asks first whether the run still holds the lock. */
  readonly cluster: Cluster
  /** The same question, for what changes something by another way: throws where the lock was lost. Asked before each step acts too. */
  readonly verifyLocked: () => Promise<void>
  readonly console: Console
  readonly memory: RunState
  /** The longest any one wait may take, in milliseconds. */
  readonly timeout: number
  /** Aborts when the person cancels. */
  readonly signal: AbortSignal
  readonly clean: (text: string) => string
}
