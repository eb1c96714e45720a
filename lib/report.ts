import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir, hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { showDuration } from './duration.ts'
import { exitCodes } from './errors.ts'
import type { Result } from './procedure.ts'
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

/** A run's name, which sorts by time. */
export function newRunId(script: string, now = new Date()): string {
  return `${now
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.(\d+)Z$/, '$1Z')}-${script}`
}

/** Where the runs of all contexts are kept, on this person's machine. */
export function stateHome(): string {
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'flux-runbook')
}

/** Everything a run has to tell afterwards: gathered while it goes, told once at its end. */
export interface Record {
  readonly runId: string
  readonly know: (facts: { context?: string; server?: string; commit?: string }) => void
  /** Keeps log and reports below `home` from now on; before, as in a dry run, nothing is written. */
  readonly keepIn: (home: string) => void
  readonly log: (line: string) => void
  /** Makes the document of how it ended, and writes the reports where the run keeps any; `path` is their folder. */
  readonly conclude: (result: Result, error: Document['error']) => { document: Document; path: string | undefined }
}

/** A record of a run that begins now. `clean` stands before everything that is written. */
export function openRecord(script: string, clean: (text: string) => string, now = new Date()): Record {
  const runId = newRunId(script, now)
  let facts: { context: string; server: string; commit?: string } = { context: '', server: '' }
  let path: string | undefined
  return {
    runId,
    know(more) {
      facts = { ...facts, ...more }
    },
    keepIn(home) {
      path = join(home, encodeURIComponent(facts.context), runId)
      mkdirSync(path, { recursive: true, mode: 0o700 })
    },
    log(line) {
      if (path !== undefined) appendFileSync(join(path, 'log.txt'), `${new Date().toISOString()} ${clean(line)}\n`, { mode: 0o600 })
    },
    conclude({ outcome, steps, failure }, error) {
      const document: Document = {
        schemaVersion: 1,
        script,
        ...facts,
        runId,
        startedAt: now.toISOString(),
        finishedAt: new Date().toISOString(),
        // A missing consent has no outcome of its own: nothing was changed, exit code 2.
        outcome: outcome === 'usage' ? 'blocked' : outcome,
        exitCode: failure === undefined ? exitCodes.done : exitCodes[failure.kind],
        steps,
        operator: `${userInfo().username}@${hostname()}`,
        ...(error === undefined ? {} : { error }),
      }
      if (path !== undefined) {
        writeFileSync(join(path, 'report.json'), clean(showJson(document)), { mode: 0o600 })
        writeFileSync(join(path, 'report.md'), clean(describe(document)), { mode: 0o600 })
      }
      return { document, path }
    },
  }
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
