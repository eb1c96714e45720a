import { showDuration } from '../../../base/duration.ts'
import type { DocumentFields } from '../../../runner/report.ts'
import { isMet, lossField, type LossOutcome } from './outcome.ts'

/** What the document and report.md say of the losses: all of them, then what failed, and what is harmless and why. */
export function reportLosses(outcomes: readonly LossOutcome[]): DocumentFields {
  const head = ['object', 'damage', 'noticed by', 'after', 'repaired by', 'after', 'workloads', '']
  const rows = outcomes.map((outcome) => [
    outcome.objects.join(' + '),
    outcome.damages.join(' + '),
    outcome.noticed ?? (outcome.harmless === null ? 'nobody' : 'harmless'),
    shownTime(outcome.detectedMs),
    outcome.healedBy,
    shownTime(outcome.recoveredMs),
    outcome.survived ? 'the same' : outcome.announced ? 'lost, as announced' : 'lost',
    isMet(outcome) ? 'met' : 'not met',
  ])
  const named = ({ objects, damages }: LossOutcome): string => `${objects.join(' + ')} (${damages.join(' + ')})`
  const missed = outcomes.filter((outcome) => !isMet(outcome))
  const harmless = outcomes.filter((outcome) => outcome.harmless !== null)
  return {
    fields: { scenarios: [], losses: outcomes.map(lossField) },
    sections: [
      {
        title: 'Losses',
        lines: [`${outcomes.length - missed.length} of ${outcomes.length} ended as they should.`],
        table: [head, ...rows],
      },
      ...listed('Not met', missed, (one) => `- ${named(one)}: ${one.failure ?? 'not noticed, or too late'}`),
      ...listed('Harmless', harmless, (one) => `- ${named(one)}: ${one.harmless}`),
    ],
  }
}

function listed(title: string, outcomes: readonly LossOutcome[], line: (one: LossOutcome) => string): { title: string; lines: string[] }[] {
  return outcomes.length === 0 ? [] : [{ title, lines: outcomes.map(line) }]
}

/** A time in a table. */
export function shownTime(milliseconds: number | null): string {
  return milliseconds === null ? '–' : showDuration(milliseconds)
}
