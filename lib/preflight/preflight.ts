import { ApiError } from '../kubernetes/http.ts'
import { messageOf, OperatorError } from '../base/errors.ts'

/** Something that blocks the run, or that a person should know before consenting, and what to do about it: best a command. */
export interface Finding {
  /**
   * `refused`: a read that the API does not allow this user. It blocks too, but where the rights check (`rights`) has named what is
   * missing it says nothing new.
   */
  readonly is: 'blocks' | 'notice' | 'rights' | 'refused'
  readonly what: string
  readonly remedy?: string
  /** What was thrown where a check failed: its message may be long. */
  readonly cause?: unknown
}

export function blocks(what: string, remedy: string): Finding {
  return { is: 'blocks', what, remedy }
}

export function notice(what: string, remedy?: string): Finding {
  return { is: 'notice', what, ...(remedy === undefined ? {} : { remedy }) }
}

/** One idea that is checked beforehand; finds nothing where all is in order. It never writes. */
export type Check = () => Promise<readonly Finding[]> | readonly Finding[]

/** Runs checks, all of them whatever they find, and tells in the order they were asked for. */
export interface Preflight {
  /** Reads a value that is needed later; undefined where that failed, which is a finding. */
  readonly learn: <T>(read: () => Promise<T>) => Promise<T | undefined>
  /** Runs the checks side by side. A check that fails is itself a finding, never "fine". */
  readonly check: (...checks: readonly Check[]) => Promise<void>
  /**
   * What is to be reported before the plan.
   * @throws OperatorError `blocked` with every finding that blocks the run
   */
  readonly conclude: () => string[]
  /** The error with what has been found so far. */
  readonly blocked: () => OperatorError
}

/** A preflight that has found nothing yet. Cancelling is not a finding: it is thrown on. */
export function createPreflight(signal: AbortSignal): Preflight {
  const slots: Finding[][] = []
  const slot = (): Finding[] => {
    const own: Finding[] = []
    slots.push(own)
    return own
  }
  const blocking = (): Finding[] => {
    const found = slots.flat()
    const knowsRights = found.some(({ is }) => is === 'rights')
    return found.filter(({ is }) => is !== 'notice' && !(is === 'refused' && knowsRights))
  }
  const findingOf = (thrown: unknown): Finding => {
    signal.throwIfAborted()
    if (thrown instanceof OperatorError && thrown.kind === 'cancelled') throw thrown // at a prompt
    const is = thrown instanceof ApiError && thrown.status === 403 ? 'refused' : 'blocks'
    const remedy = thrown instanceof OperatorError && thrown.remedy !== undefined ? thrown.remedy : 'run again with --verbose'
    return { is, what: messageOf(thrown), remedy, cause: thrown }
  }
  return {
    async learn(read) {
      const own = slot()
      try {
        return await read()
      } catch (thrown) {
        own.push(findingOf(thrown))
        return undefined
      }
    },
    async check(...checks) {
      await Promise.all(
        checks.map(async (check) => {
          const own = slot()
          try {
            own.push(...(await check()))
          } catch (thrown) {
            own.push(findingOf(thrown))
          }
        }),
      )
    },
    conclude() {
      if (blocking().length > 0) throw blockedBy(blocking())
      return slots.flat().map(({ what, remedy }) => (remedy === undefined ? what : `${what}\n  → ${remedy}`))
    },
    blocked: () => blockedBy(blocking()),
  }
}

/** One error for all findings: nothing was changed, exit code 3. */
function blockedBy(findings: readonly Finding[]): OperatorError {
  const list = findings.map(({ what, remedy }, at) => `${findings.length === 1 ? '' : `${at + 1}. `}${what}\n   → ${remedy}`)
  return new OperatorError(`preflight found problems that block this run; nothing was changed\n${list.join('\n')}`, {
    kind: 'blocked',
    cause: new AggregateError(findings.flatMap(({ cause }) => cause ?? [])),
  })
}
