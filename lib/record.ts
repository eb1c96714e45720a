import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { exitCodes } from './errors.ts'
import type { Result } from './procedure.ts'
import { describe, type Document, showJson } from './report.ts'
import { contextFolder, remember } from './runs.ts'

/** A run's name, which sorts by time. */
export function newRunId(script: string, now = new Date()): string {
  return `${now
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.(\d+)Z$/, '$1Z')}-${script}`
}

export interface Facts {
  readonly context: string
  readonly server: string
  /** The UID of kube-system. */
  readonly uid: string
  readonly commit?: string
}

/** Everything a run has to tell afterwards: gathered while it goes, told once at its end. */
export interface RunRecord {
  readonly runId: () => string
  readonly know: (facts: Partial<Facts>) => void
  /** Goes on with an earlier run, under its name and in its folder. */
  readonly continueAs: (runId: string) => void
  /** Keeps memory, log and reports below `home` from now on; before, as in a dry run, nothing is written. */
  readonly keepIn: (home: string) => void
  readonly log: (line: string) => void
  /** Makes the document of how it ended, and writes the reports where the run keeps any; `path` is their folder. */
  readonly conclude: (result: Result, error: Document['error']) => { document: Document; path: string | undefined }
}

/** A record of a run that begins now. `clean` stands before everything that is written. */
export function openRecord(script: string, clean: (text: string) => string, now = new Date()): RunRecord {
  let runId = newRunId(script, now)
  let facts: Facts = { context: '', server: '', uid: '' }
  let path: string | undefined
  let early = ''
  const memoryOf = (ended?: string) => ({ script, ...facts, pid: process.pid, host: hostname(), ...(ended === undefined ? {} : { ended }) })
  return {
    runId: () => runId,
    know(more) {
      facts = { ...facts, ...more }
    },
    continueAs(earlier) {
      runId = earlier
    },
    keepIn(home) {
      path = join(contextFolder(home, facts.context), runId)
      mkdirSync(path, { recursive: true, mode: 0o700 })
      remember(path, memoryOf())
      appendFileSync(join(path, 'log.txt'), early, { mode: 0o600 })
    },
    log(line) {
      const stamped = `${new Date().toISOString()} ${clean(line)}\n`
      if (path === undefined) early += stamped
      else appendFileSync(join(path, 'log.txt'), stamped, { mode: 0o600 })
    },
    conclude({ outcome, steps, failure }, error) {
      const { context, server, commit } = facts
      const document: Document = {
        schemaVersion: 1,
        script,
        context,
        server,
        ...(commit === undefined ? {} : { commit }),
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
        remember(path, memoryOf(document.outcome))
      }
      return { document, path }
    },
  }
}
