import type { Console } from '../lib/terminal/console.ts'
import { exitCodes } from '../lib/base/errors.ts'
import type { Flags } from '../lib/terminal/flags.ts'

type GivenFlags = Readonly<Record<string, string | boolean | undefined>>

/** What `lab NAME` does. */
export interface LabCommand {
  readonly summary: string
  /** What comes after the name, flags left out. */
  readonly usage: string
  readonly flags: Flags
  /** How many words it takes. */
  readonly words: { readonly least: number; readonly most: number }
  /** Returns the exit code, or what `--json` prints of a command that is done. */
  readonly run: (call: Call) => Promise<Outcome>
  /** It runs a program on the terminal, which is the one to answer Ctrl-C. */
  readonly isInteractive?: true
}

interface Call {
  readonly given: GivenFlags
  readonly words: readonly string[]
  readonly rest: readonly string[]
  readonly console: Console
  readonly signal: AbortSignal
}

export interface Outcome {
  readonly exitCode: number
  readonly outcome?: 'done' | 'unchanged'
  readonly document?: Readonly<Record<string, unknown>>
}

export const done: Outcome = { exitCode: exitCodes.done, outcome: 'done' }
export const unchanged: Outcome = { exitCode: exitCodes.done, outcome: 'unchanged' }

/** The flag of every command that can answer a program. */
export const json = { type: 'boolean', help: 'print the result on stdout as one JSON document' } as const

export function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}
