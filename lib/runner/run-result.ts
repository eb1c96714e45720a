import type { FailureKind, OperatorError } from '../base/errors.ts'
import type { DocumentFields } from './report.ts'
import type { StepRecord } from './step.ts'

/** How a script ended on one cluster. */
export interface RunResult {
  readonly outcome: 'done' | 'unchanged' | 'planned' | FailureKind
  /** What happened to each step, where the script is a procedure. */
  readonly steps?: readonly StepRecord[]
  readonly failure?: OperatorError
  readonly report?: DocumentFields
  /** Nothing is left of it to be resumed, although it did not get to its end: all was restored. */
  readonly isClosed?: true
  /** What the last line says of a successful run, where the outcome alone says too little. */
  readonly verdict?: string
  /** That the last line, a failure too, is what was asked for: it goes where the report went. */
  readonly isAnswer?: true
  /** What is compared with the other clusters, where a script is for several. */
  readonly settings?: Readonly<Record<string, string>>
}

/** How a sequence of steps ended. */
export interface SequenceResult extends RunResult {
  readonly steps: StepRecord[]
}
