import { messageOf, OperatorError } from './errors.ts'

/** Something that stands in the way, and what a person does about it. */
export interface Finding {
  readonly what: string
  readonly remedy: string
}

/** The value a check came to, or why it could not. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly finding: Finding }

/** Runs one check; a failure becomes a finding, so that all findings can be told at once. Cancelling is no finding. */
export async function check<T>(look: () => Promise<T>, signal: AbortSignal): Promise<Checked<T>> {
  try {
    return { ok: true, value: await look() }
  } catch (thrown) {
    signal.throwIfAborted()
    const remedy = thrown instanceof OperatorError && thrown.remedy !== undefined ? thrown.remedy : 'run again with --verbose'
    return { ok: false, finding: { what: messageOf(thrown), remedy } }
  }
}

/** One error for all findings: nothing was changed, exit code 3. */
export function blockedBy(findings: readonly Finding[]): OperatorError {
  const list = findings.map(({ what, remedy }, at) => `${findings.length === 1 ? '' : `${at + 1}. `}${what}\n   → ${remedy}`)
  return new OperatorError(`preflight found what stands in the way; nothing was changed\n${list.join('\n')}`, { kind: 'blocked' })
}
