import { showDuration } from './duration.ts'
import type { StepRecord } from './step.ts'

/** What every script's `--json` says; procedures add their steps. */
export interface Document {
  readonly schemaVersion: 1
  readonly script: string
  readonly context: string
  readonly runId: string
  readonly startedAt: string
  readonly finishedAt: string
  readonly outcome: 'done' | 'unchanged' | 'failed' | 'rolled-back' | 'blocked' | 'locked' | 'cancelled' | 'planned'
  readonly exitCode: number
  readonly steps: readonly StepRecord[]
  /** Who ran it, and where the API is. */
  readonly operator: string
  readonly server: string
  readonly commit?: string
  readonly error?: { readonly message: string; readonly remedy?: string }
}

/** The document as `--json` and report.json show it. */
export function showJson(document: Document): string {
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** The report that people read. */
export function describe(document: Document): string {
  const rows = document.steps.map(
    ({ title, state, durationMs, detail }, at) =>
      `| ${at + 1} | ${cell(title)} | ${state} | ${showDuration(durationMs)} | ${cell(detail)} |`,
  )
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

## Steps

| | step | state | took | detail |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
${document.error === undefined ? '' : `\n## What went wrong\n\n${document.error.message}\n${document.error.remedy === undefined ? '' : `\nNext: ${document.error.remedy}\n`}`}`
}

function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|')
}
