import { showDuration } from './duration.ts'
import type { StepRecord } from './step.ts'

/** What a script's document says beyond the fields they all have, and what its report.md tells in sections of its own. */
export interface Telling {
  readonly fields: Readonly<Record<string, unknown>>
  readonly sections?: readonly { readonly title: string; readonly lines: readonly string[] }[]
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
  readonly steps?: readonly StepRecord[]
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
export function describe(document: Document, sections: Telling['sections'] = []): string {
  const took = showDuration(Date.parse(document.finishedAt) - Date.parse(document.startedAt))
  return `# ${document.script} on ${document.context}: ${document.outcome}

| | |
| --- | --- |
| who | ${cell(document.operator)} |
| cluster | ${cell(document.server)} |
| commit | ${document.commit ?? 'unknown'} |
| run | ${document.runId} |
| began | ${document.startedAt} |
| ended | ${document.finishedAt}, after ${took} |
| exit code | ${document.exitCode} |
${stepTable(document.steps ?? [])}${sections.map(({ title, lines }) => `\n## ${title}\n\n${lines.join('\n')}\n`).join('')}${
    document.error === undefined
      ? ''
      : `\n## What went wrong\n\n${document.error.message}\n${document.error.remedy === undefined ? '' : `\nNext: ${document.error.remedy}\n`}`
  }`
}

function stepTable(steps: readonly StepRecord[]): string {
  if (steps.length === 0) return ''
  const rows = steps.map(
    ({ title, state, durationMs, detail }, at) =>
      `| ${at + 1} | ${cell(title)} | ${state} | ${showDuration(durationMs)} | ${cell(detail)} |`,
  )
  return `
## Steps

| | step | state | took | detail |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|')
}
