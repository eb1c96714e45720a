import { showDuration } from '../base/duration.ts'
import { escapeMarkdown, inOneLine } from '../base/outside-text.ts'
import type { StepRecord } from './step.ts'
import { type Attempt, stepsOf, timeOf } from './attempts.ts'

/** What a script's document says beyond the fields they all have, and what its report.md tells in sections of its own. */
export interface DocumentFields {
  readonly fields: Readonly<Record<string, unknown>>
  readonly sections?: readonly Section[]
}

/** Plain text: what would be markup in it is shown as it is. A line that begins with `- ` is an item of a list. */
export interface Section {
  readonly title: string
  readonly lines?: readonly string[]
  /** Rows of cells, the first of them the head. */
  readonly table?: readonly (readonly string[])[]
}

/** What every script's `--json` says; procedures add their steps, and some scripts fields of their own. */
export interface Document {
  readonly schemaVersion: 1
  readonly script: string
  readonly context: string
  readonly runId: string
  readonly startedAt: string
  readonly finishedAt: string
  readonly outcome: 'done' | 'unchanged' | 'failed' | 'rolled-back' | 'blocked' | 'locked' | 'cancelled' | 'planned'
  readonly exitCode: number
  /** What happened to each in this attempt. */
  readonly steps?: readonly StepRecord[]
  /** All attempts of a run that was resumed, this one too. */
  readonly attempts?: readonly Attempt[]
  /** Who ran it, and where the API is. */
  readonly operator: string
  readonly server: string
  readonly commit?: string
  readonly error?: { readonly message: string; readonly remedy?: string }
  readonly [field: string]: unknown
}

/** A document as `--json` and report.json show it. */
export function showJson(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** The report that people read. */
export function describe(document: Document, sections: DocumentFields['sections'] = []): string {
  const { startedAt, finishedAt, steps = [], attempts = [] } = document
  const took = showDuration(timeOf(attempts.length === 0 ? [{ startedAt, finishedAt }] : attempts))
  const plain = (text: string): string => escapeMarkdown(text.replace(/\n\s*\n/g, '\n'))
  return `# ${document.script} on ${cell(document.context)}: ${document.outcome}

| | |
| --- | --- |
| who | ${cell(document.operator)} |
| cluster | ${cell(document.server)} |
${document.commit === undefined ? '' : `| commit | ${cell(document.commit)} |\n`}| run | ${document.runId} |
| began | ${startedAt} |
| ended | ${finishedAt}, after ${took}${attempts.length === 0 ? '' : ` in ${attempts.length} attempts`} |
| exit code | ${document.exitCode} |
${attemptTable(attempts)}${stepTable(attempts.length === 0 ? steps : stepsOf(attempts))}${sections.map(showSection).join('')}${
    document.error === undefined
      ? ''
      : `\n## What went wrong\n\n${plain(document.error.message)}\n${document.error.remedy === undefined ? '' : `\nNext: ${plain(document.error.remedy)}\n`}`
  }`
}

function attemptTable(attempts: readonly Attempt[]): string {
  if (attempts.length === 0) return ''
  const rows = attempts.map(
    (attempt, at) => `| ${at + 1} | ${attempt.startedAt} | ${showDuration(timeOf([attempt]))} | ${attempt.outcome ?? 'interrupted'} |`,
  )
  return `
## Attempts

| | began | took | outcome |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}

function stepTable(steps: readonly StepRecord[]): string {
  if (steps.length === 0) return ''
  const rows = steps.map(({ title, state, durationMs, detail }, at) => [String(at + 1), title, state, showDuration(durationMs), detail])
  return showSection({ title: 'Steps', table: [['', 'step', 'state', 'took', 'detail'], ...rows] })
}

function showSection({ title, lines = [], table: [head, ...rows] = [] }: Section): string {
  const row = (cells: readonly string[]): string => `|${cells.map((text) => ` ${cell(text)}`.trimEnd()).join(' |')} |`
  const drawn = head === undefined ? [] : [row(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(row)]
  const said = lines.map((line) => (line.startsWith('- ') ? `- ${cell(line.slice(2))}` : cell(line)))
  return `\n## ${title}\n\n${[...drawn, ...said].join('\n')}\n`
}

function cell(text: string): string {
  return escapeMarkdown(inOneLine(text))
}
