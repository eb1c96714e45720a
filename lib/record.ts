import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { exitCodes, type FailureKind, OperatorError } from './errors.ts'
import type { Memory } from './memory.ts'
import { startOf } from './process-start.ts'
import { describe, type Document, showJson, type Telling } from './report.ts'
import { contextFolder, type EarlierRun, remember } from './runs.ts'
import type { StepRecord } from './step.ts'

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

/** How a script ended on one cluster. */
export interface Ending {
  readonly outcome: 'done' | 'unchanged' | 'planned' | FailureKind
  /** What became of each step, where the script is a procedure. */
  readonly steps?: readonly StepRecord[]
  readonly failure?: OperatorError
  readonly telling?: Telling
}

/** Everything a run has to tell afterwards: gathered while it goes, told once at its end. */
export interface RunRecord {
  readonly runId: () => string
  /** When it began, ISO 8601, and who runs it. */
  readonly startedAt: string
  readonly operator: string
  readonly know: (facts: Partial<Facts>) => void
  /** Goes on with an earlier run, under its name, in its folder and with its notes. */
  readonly continueAs: (earlier: EarlierRun) => void
  readonly isContinued: () => boolean
  /** Keeps memory, log and reports below `home` from now on; before, as in a dry run, nothing is written. */
  readonly keepIn: (home: string) => void
  /** Takes away what was kept, where the run came to nothing. */
  readonly discard: () => void
  readonly log: (line: string) => void
  readonly memory: Memory
  /** Makes the document of how it ended, and writes the reports where the run keeps any; `path` is their folder. */
  readonly conclude: (ending: Ending, error: Document['error']) => { document: Document; path: string | undefined }
}

const ownProcess = { pid: process.pid, started: startOf(process.pid) ?? '', host: hostname() }

/** A record of a run that begins now. `clean` stands before everything that is written. */
export function openRecord(script: string, clean: (text: string) => string, now = new Date()): RunRecord {
  const operator = `${userInfo().username}@${hostname()}`
  let runId = newRunId(script, now)
  let facts: Facts = { context: '', server: '', uid: '' }
  let path: string | undefined
  let early = ''
  let notes: Readonly<Record<string, unknown>> = {}
  let isContinued = false
  const keep = (ended?: string): void => {
    if (path === undefined) return
    remember(path, { script, ...facts, ...ownProcess, notes, ...(ended === undefined ? {} : { ended }) })
  }
  return {
    runId: () => runId,
    startedAt: now.toISOString(),
    operator,
    know(more) {
      facts = { ...facts, ...more }
    },
    continueAs(earlier) {
      runId = earlier.runId
      notes = earlier.notes
      isContinued = true
    },
    isContinued: () => isContinued,
    keepIn(home) {
      path = join(contextFolder(home, facts.context), runId)
      mkdirSync(path, { recursive: true, mode: 0o700 })
      keep()
      appendFileSync(join(path, 'log.txt'), early, { mode: 0o600 })
    },
    discard() {
      if (path !== undefined) rmSync(path, { recursive: true, force: true })
      path = undefined
    },
    log(line) {
      const stamped = `${new Date().toISOString()} ${clean(line)}\n`
      if (path === undefined) early += stamped
      else appendFileSync(join(path, 'log.txt'), stamped, { mode: 0o600 })
    },
    memory: {
      read: () => notes,
      write(more) {
        notes = { ...notes, ...more }
        keep()
      },
      folder() {
        if (path === undefined) throw new OperatorError('this run keeps no folder before it changes something')
        return path
      },
    },
    conclude({ outcome, steps, failure, telling }, error) {
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
        ...(steps === undefined ? {} : { steps }),
        ...telling?.fields,
        operator,
        ...(error === undefined ? {} : { error }),
      }
      if (path !== undefined) {
        writeFileSync(join(path, 'report.json'), clean(showJson(document)), { mode: 0o600 })
        writeFileSync(join(path, 'report.md'), clean(describe(document, telling?.sections)), { mode: 0o600 })
        keep(document.outcome)
      }
      return { document, path }
    },
  }
}
