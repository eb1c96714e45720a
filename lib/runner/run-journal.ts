import { rmSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { exitCodes, messageOf, OperatorError } from '../base/errors.ts'
import { appendToFile, putFile } from '../base/write-atomic.ts'
import type { RunState } from './run-state.ts'
import { startOf } from '../process/process-start.ts'
import { describe, type Document, showJson } from './report.ts'
import { contextFolder, type EarlierRun, remember } from './run-store.ts'
import type { RunResult } from './run-result.ts'
import { type Attempt, stepsOf } from './attempts.ts'
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
  /** The script's own flags, as they were given: `--via=flux`. */
  readonly flags?: readonly string[]
}

/** Everything a run reports: gathered while it runs, reported once at its end. */
export interface RunJournal {
  readonly runId: () => string
  /** When it began, ISO 8601, and who runs it. */
  readonly startedAt: string
  readonly operator: string
  readonly know: (facts: Partial<Facts>) => void
  /** Continues with an earlier run, under its name, in its folder and with its notes. */
  readonly continueAs: (earlier: EarlierRun) => void
  /** What happened to the steps in the attempts before; undefined for a run that begins now. */
  readonly earlierSteps: () => readonly StepRecord[] | undefined
  /** Keeps memory, log and reports below `home` from now on; before, as in a dry run, nothing is written. */
  readonly keepIn: (home: string) => void
  /** Keeps what happened to the steps so far: a run that is killed tells it when it is resumed. */
  readonly keepSteps: (steps: readonly StepRecord[]) => void
  /** Removes what was kept, where the run came to nothing. */
  readonly discard: () => void
  readonly log: (line: string) => void
  readonly memory: RunState
  /**
   * Makes the document of how it ended, and writes the reports where the run keeps any, each whole or not at all: `path` is their folder,
   * `lost` says what could not be written, as on a full disk. It never throws: how a run ends is not for its reports to decide.
   */
  readonly conclude: (ending: RunResult, error: Document['error']) => Conclusion
}

export interface Conclusion {
  readonly document: Document
  readonly path: string | undefined
  readonly lost: readonly string[]
}

const ownProcess = { pid: process.pid, started: startOf(process.pid) ?? '', host: hostname() }

/** A record of a run that begins now. `clean` stands before everything that is written. */
// oxlint-disable-next-line max-lines-per-function -- one journal: its methods share the folder and what is known of the run
export function openJournal(script: string, clean: (text: string) => string, now = new Date()): RunJournal {
  const operator = `${userInfo().username}@${hostname()}`
  let runId = newRunId(script, now)
  let facts: Facts = { context: '', server: '', uid: '' }
  let path: string | undefined
  let early = ''
  let notes: Readonly<Record<string, unknown>> = {}
  const lost: string[] = []
  let isLogging = true
  const attempt = (write: () => void): void => {
    try {
      write()
    } catch (error) {
      lost.push(messageOf(error))
    }
  }
  /** Never throws: what a run says does not decide what it does. */
  const append = (text: string): void => {
    if (path === undefined || text === '') return
    const file = join(path, 'log.txt')
    try {
      appendToFile(file, text)
    } catch (error) {
      if (isLogging) lost.push(`${file} lacks lines: ${messageOf(error)}`)
      isLogging = false
    }
  }
  let earlier: readonly Attempt[] | undefined
  let steps: readonly StepRecord[] = []
  const attempts = (outcome?: string): Attempt[] => [
    ...(earlier ?? []),
    {
      startedAt: now.toISOString(),
      finishedAt: new Date().toISOString(),
      ...(outcome === undefined ? {} : { outcome }),
      steps: steps.map((step) => ({ ...step, detail: clean(step.detail) })),
    },
  ]
  const keep = (ended?: string, outcome = ended): void => {
    if (path === undefined) return
    const end = ended === undefined ? {} : { ended }
    const flags = (facts.flags ?? []).map(clean)
    remember(path, { script, ...facts, flags, ...ownProcess, notes, attempts: attempts(outcome), ...end })
  }
  return {
    runId: () => runId,
    startedAt: now.toISOString(),
    operator,
    know(more) {
      facts = { ...facts, ...more }
    },
    continueAs(run) {
      runId = run.runId
      notes = run.notes
      earlier = run.attempts
      facts = { ...(run.commit === undefined ? {} : { commit: run.commit }), ...facts, flags: run.flags }
    },
    earlierSteps: () => (earlier === undefined ? undefined : stepsOf(earlier)),
    keepIn(home) {
      path = join(contextFolder(home, facts.context), runId)
      keep()
      append(early)
    },
    keepSteps(known) {
      steps = [...known]
      try {
        keep()
      } catch {
        // What only the report reports ends no run.
      }
    },
    discard() {
      if (path !== undefined) rmSync(path, { recursive: true, force: true })
      path = undefined
    },
    log(line) {
      const stamped = `${new Date().toISOString()} ${clean(line)}\n`
      if (path === undefined) early += stamped
      else append(stamped)
    },
    memory: {
      read: () => notes,
      write(more) {
        notes = { ...notes, ...more }
        keep()
      },
      folder() {
        if (path === undefined) throw new OperatorError('this run has no folder until it changes something')
        return path
      },
    },
    conclude({ outcome, steps: known, failure, report, isClosed }, error) {
      const { context, server, commit } = facts
      steps = known ?? []
      // A missing consent has no outcome of its own: nothing was changed, exit code 2.
      const reported = outcome === 'usage' ? 'blocked' : outcome
      const all = attempts(reported)
      const document: Document = {
        schemaVersion: 1,
        script,
        context,
        server,
        ...(commit === undefined ? {} : { commit }),
        runId,
        startedAt: all[0]?.startedAt ?? now.toISOString(),
        finishedAt: new Date().toISOString(),
        outcome: reported,
        exitCode: failure === undefined ? exitCodes.done : exitCodes[failure.kind],
        ...(known === undefined ? {} : { steps: known }),
        ...(all.length === 1 ? {} : { attempts: all }),
        ...report?.fields,
        operator,
        ...(error === undefined ? {} : { error }),
      }
      if (path !== undefined) {
        const folder = path
        attempt(() => putFile(join(folder, 'report.json'), clean(showJson(document))))
        attempt(() => putFile(join(folder, 'report.md'), clean(describe(document, report?.sections))))
        attempt(() => keep(isClosed === true ? 'put-back' : document.outcome, document.outcome))
      }
      return { document, path, lost }
    },
  }
}
