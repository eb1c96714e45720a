import { showDuration } from '../../base/duration.ts'
import { escapeMarkdown, inOneLine } from '../../base/outside-text.ts'
import type { ClusterResult } from './cluster-results.ts'
import type { FleetDocument } from './fleet-document.ts'
import { type FactTable, factsOf } from './fleet-facts.ts'

/** The report that people read, as Markdown. */
export function describeFleet(document: FleetDocument): string {
  const { head, byVersion, slowest, troubles, verdict } = factsOf(document)
  return [
    `# fleet ${document.command}: ${cell(document.outcome ?? 'not ended')}\n`,
    `${cell(verdict)}\n`,
    table(['', ''], head),
    tableOf(byVersion),
    tableOf(troubles),
    tableOf(slowest),
    section('Timeline', table(['wave', 'cluster', 'began', 'took', 'outcome', 'run'], timelineRows(document))),
    document.error === undefined ? '' : section('What went wrong', errorText(document.error)),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function timelineRows({ waves }: FleetDocument): string[][] {
  return waves
    .flatMap(({ name: wave, clusters }) => clusters.map((cluster) => ({ wave, ...cluster })))
    .sort((one, other) => beganAt(one) - beganAt(other))
    .map(({ wave, name, startedAt, durationMs, outcome, runId }) => [
      wave,
      name,
      startedAt ?? '',
      durationMs === null ? '' : showDuration(durationMs),
      outcome,
      runId ?? '',
    ])
}

/** Those that were not started come last. */
function beganAt({ startedAt }: ClusterResult): number {
  return startedAt === null ? Number.MAX_VALUE : Date.parse(startedAt)
}

function errorText({ message, remedy }: NonNullable<FleetDocument['error']>): string {
  const plain = (text: string): string => escapeMarkdown(text.replace(/\n\s*\n/g, '\n'))
  return `${plain(message)}\n${remedy === undefined ? '' : `\nNext: ${plain(remedy)}\n`}`
}

function section(title: string, content: string): string {
  return `## ${title}\n\n${content}`
}

function tableOf({ title, columns, rows }: FactTable): string {
  return rows.length === 0 ? '' : section(title, table(columns, rows))
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `|${cells.map((text) => ` ${cell(text)}`.trimEnd()).join(' |')} |`
  return `${[row(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(row)].join('\n')}\n`
}

function cell(text: string): string {
  return escapeMarkdown(inOneLine(text))
}
