import type { Cluster } from './cluster/cluster.ts'
import type { Console } from './console.ts'
import type { Memory } from './memory.ts'

/** What every step of a run works with. */
export interface Run {
  readonly id: string
  /** `bootstrap`, `teardown`, … */
  readonly script: string
  readonly context: string
  /** The context, whether it is the lab or real, and the server's URL: what people check before they consent. */
  readonly place: string
  /** The flags that name this cluster, for commands that people are told to type: `--context infra`. */
  readonly where: string
  readonly cluster: Cluster
  readonly console: Console
  readonly memory: Memory
  /** The longest any one wait may take, in milliseconds. */
  readonly timeout: number
  /** Aborts when the person cancels. */
  readonly signal: AbortSignal
  readonly clean: (text: string) => string
}
