import { showDuration } from '../base/duration.ts'
import { exitCodes } from '../base/errors.ts'
import { timeOf } from './attempts.ts'
import type { Document } from './report.ts'

const verdicts: Readonly<Record<string, string>> = {
  done: 'done',
  unchanged: 'nothing to do',
  planned: 'planned only, nothing was changed',
}

/**
 * The last line of a successful run, with the time that its attempts took.
 * @param own what the command itself says it has come to
 */
export function verdictOf({ script, context, outcome, startedAt, finishedAt, attempts }: Document, own: string | undefined): string {
  const took = showDuration(timeOf(attempts ?? [{ startedAt, finishedAt }]))
  const several = attempts === undefined ? '' : ` in ${attempts.length} attempts`
  return `${script} on ${context}: ${own ?? verdicts[outcome] ?? outcome} (${took}${several})`
}

/** The last line over several clusters: how each ended, and which were not started. */
export function overallVerdict(
  documents: readonly Document[],
  contexts: readonly (string | undefined)[],
): { readonly succeeded: boolean; readonly text: string } {
  const done = documents.filter(({ exitCode }) => exitCode === exitCodes.done)
  const each = contexts.map((context = '', at) => `${context} ${documents[at]?.outcome ?? 'not begun'}`)
  const script = documents[0]?.script ?? ''
  return {
    succeeded: done.length === contexts.length,
    text: `${script}: ${done.length} of ${contexts.length} clusters: ${each.join(', ')}`,
  }
}
