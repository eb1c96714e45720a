/** Exit codes are the contract that jobs and people rely on (docs/commands.md). */
export const exitCodes = { done: 0, failed: 1, usage: 2, blocked: 3, locked: 4, 'rolled-back': 5, cancelled: 130 } as const

export type FailureKind = Exclude<keyof typeof exitCodes, 'done'>

/** A failure written for a tired person: what failed and on which object, and the next command to type. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
  readonly kind: FailureKind
  readonly remedy: string | undefined

  /**
   * @param what what failed, on which object, and what state things are in now
   * @param options.remedy what to do next, best a command
   * @param options.kind decides the exit code; `failed` (1) unless given
   */
  constructor(what: string, options: { remedy?: string; kind?: FailureKind; cause?: unknown } = {}) {
    super(what, options.cause === undefined ? {} : { cause: options.cause })
    this.kind = options.kind ?? 'failed'
    this.remedy = options.remedy
  }
}

/** The message of whatever was thrown, with the messages of its causes. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const cause = thrown.cause === undefined ? '' : messageOf(thrown.cause)
  return cause === '' || thrown.message.includes(cause) ? thrown.message : `${thrown.message}: ${cause}`
}
