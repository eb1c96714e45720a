import type { Flags } from '../../terminal/flags.ts'
import type { RefusedFlags } from '../../terminal/flags.ts'

/** Flags of the command, as they were parsed. */
export type GivenFlags = Readonly<Record<string, string | boolean | undefined>>

/** What a command does to a cluster, which decides what has to be consented to. */
export type Effect = 'nothing' | 'changes' | 'destroys'

/** One of the commands that a fleet can carry out. */
export interface FleetCommand {
  /** What it does on each cluster, in one sentence. */
  readonly summary: string
  readonly flags: Flags
  /** What must be given beside FILE, as the usage line shows it. */
  readonly usage?: string
  /** A call for --help: the command's own flags. */
  readonly example: string
  readonly effectOf: (own: GivenFlags) => Effect
  /** What is missing of the flags; undefined where nothing is. */
  readonly lacks?: (own: GivenFlags) => { readonly what: string; readonly remedy: string } | undefined
  /** Shared flags that mean nothing for it, each with the reason. */
  readonly refuses?: RefusedFlags
  /** Whether an interrupted run on a cluster can be resumed. */
  readonly isResumable: boolean
  /** Its own flags whose value is a place for several files: each cluster gets a file of its own in that folder. */
  readonly folders?: readonly string[]
}

/** The commands by their names. */
export type FleetCommands = Readonly<Record<string, FleetCommand>>
