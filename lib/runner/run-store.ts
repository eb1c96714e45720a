import { readdirSync, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { messageOf, OperatorError } from '../base/errors.ts'
import { readOwnFile } from '../base/own-folder.ts'
import { putFile } from '../base/write-atomic.ts'
import { startOf } from '../process/process-start.ts'
import { attemptSchema, hasDestroyed, workOf } from './attempts.ts'
import { shellQuote } from '../base/shell-line.ts'

/** What can't be looked up in the cluster: which run this is, on which cluster it began, and whether it ended. */
const memorySchema = v.looseObject({
  script: v.string(),
  context: v.string(),
  /** The UID of kube-system it began on. */
  uid: v.string(),
  server: v.string(),
  host: v.string(),
  pid: v.number(),
  /** When that process started, since its number is given away again; runs of earlier versions did not keep it. */
  started: v.optional(v.string(), ''),
  /** The outcome, once there is one. */
  ended: v.optional(v.string()),
  /** What the procedure noted for itself. */
  notes: v.optional(v.record(v.string(), v.unknown()), {}),
  /** The script's own flags, as they were given: what resumes it needs them too. */
  flags: v.optional(v.array(v.string()), []),
  /** What Git was at. */
  commit: v.optional(v.string()),
  /** Each time that it was started or resumed, the first one first; runs of earlier versions did not keep them. */
  attempts: v.optional(v.array(attemptSchema), []),
})
type RunFile = v.InferOutput<typeof memorySchema>

/** What no file system takes as one name is cut, and distinguished by its digest. */
const longestName = 200

/** A context's folder below `home`, never another; a context may be an ARN, with slashes and colons, or of any length. */
export function contextFolder(home: string, context: string): string {
  const name = encodeURIComponent(context).replaceAll(/^\.+$/g, (dots) => dots.replaceAll('.', '%2E'))
  if (name.length <= longestName) return join(home, name)
  return join(home, `${name.slice(0, longestName - 17)}-${createHash('sha256').update(context).digest('hex').slice(0, 16)}`)
}

/** Replaces a run's memory in one go: it is never half written. */
export function remember(folder: string, run: v.InferInput<typeof memorySchema>): void {
  replaceFile(folder, 'run.json', run)
}

function replaceFile(folder: string, name: string, content: unknown): void {
  putFile(join(folder, name), `${JSON.stringify(content, undefined, 2)}\n`)
}

function readFile<S extends v.GenericSchema>(home: string, path: string, schema: S): v.InferOutput<S> | undefined {
  let text: string
  try {
    text = readOwnFile(home, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${path} cannot be read: ${messageOf(error)}`, { kind: 'blocked' })
  }
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
  if (read.success) return read.output
  throw new OperatorError(`${path} is damaged: ${v.summarize(read.issues)}`, {
    kind: 'blocked',
    remedy: `check it, then: rm ${shellQuote(path)}`,
  })
}

export interface EarlierRun extends RunFile {
  readonly runId: string
}

/**
 * The last run of the script on the context, if it was interrupted: killed, or cancelled by the person. One that still lives is not.
 * @param wanted a run that was asked for, or the empty string for the last: that one may also have failed
 */
export function findInterrupted(home: string, context: string, script: string, wanted?: string): EarlierRun | undefined {
  const folder = contextFolder(home, context)
  const isNamed = wanted !== undefined && wanted !== ''
  if (isNamed && !/^[\w-]+$/.test(wanted)) return undefined // a way to another folder is not a run
  const last = isNamed
    ? wanted
    : runsIn(folder)
        .filter((name) => name.endsWith(`-${script}`))
        .sort()
        .at(-1)
  const memory = last === undefined ? undefined : readFile(home, join(folder, last, 'run.json'), memorySchema)
  if (last === undefined || memory === undefined || memory.script !== script) return undefined
  const resumable = [undefined, 'cancelled', ...(wanted === undefined ? [] : ['failed'])]
  if (!resumable.includes(memory.ended) || (memory.ended === undefined && isRunning(memory))) return undefined
  return { ...memory, runId: last }
}

/** Scripts whose runs do not bring a cluster to an end of its own: those before them are as interrupted as they were. */
const passing = ['capture', 'drill', 'health-check', 'restore']
const unresumable = ['capture', 'drill', 'health-check']
const closed = ['done', 'unchanged', 'rolled-back', 'put-back']

/**
 * The run that last changed this cluster, whatever its script, where it was interrupted, or has failed past its point of no return; a later
 * one that finished closes it.
 */
export function lastInterrupted(home: string, context: string, uid: string): EarlierRun | undefined {
  const folder = contextFolder(home, context)
  for (const runId of runsIn(folder)
    .filter((name) => /^\d{8}T\d+Z-/.test(name))
    .sort()
    .reverse()) {
    const run = readIfWhole(home, join(folder, runId, 'run.json'))
    if (run === undefined || run.uid !== uid) continue
    if (closed.includes(run.ended ?? '') && !passing.includes(run.script)) return undefined
    const isInterrupted = run.ended === undefined ? !isRunning(run) : run.ended === 'cancelled'
    const isLeft = isInterrupted || (run.ended === 'failed' && hasPassedReturn(run))
    if (isLeft && !unresumable.includes(run.script)) return { ...run, runId }
  }
  return undefined
}

/** Anyone who only reports runs is not stopped by one that is damaged. */
function readIfWhole(home: string, path: string): RunFile | undefined {
  try {
    return readFile(home, path, memorySchema)
  } catch {
    return undefined
  }
}

/** Whether a run has destroyed something, or has begun to. */
export function hasPassedReturn({ attempts }: Pick<RunFile, 'attempts'>): boolean {
  return attempts.some(({ steps }) => steps.some(hasDestroyed))
}

const captureSchema = v.object({ capture: v.object({ file: v.string() }) })

/** The capture that a run made; undefined where it has made none. */
export function captureOf({ notes }: Pick<RunFile, 'notes'>): string | undefined {
  const read = v.safeParse(captureSchema, notes)
  return read.success ? read.output.capture.file : undefined
}

function runsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // no run has ever changed anything there
  }
}

/** A run on another host, or on this one under another name, may live; then it holds the cluster's lock. */
function isRunning({ host, pid, started }: RunFile): boolean {
  return host === hostname() && startOf(pid) === started
}

const reportSchema = v.looseObject({
  outcome: v.string(),
  startedAt: v.string(),
  finishedAt: v.string(),
  steps: v.optional(attemptSchema.entries.steps, []),
  attempts: v.optional(v.array(attemptSchema)),
})

/** How long the script's steps took on the context when it was last carried out to its end, in milliseconds; undefined where it never was. */
export function lastDuration(home: string, context: string, script: string): number | undefined {
  const folder = contextFolder(home, context)
  for (const name of runsIn(folder).sort().reverse()) {
    if (!name.endsWith(`-${script}`)) continue
    const report = readReport(home, join(folder, name, 'report.json'))
    if (report?.outcome !== 'done') continue
    const { startedAt, finishedAt, steps, attempts = [{ startedAt, finishedAt, steps }] } = report
    return workOf(attempts)
  }
  return undefined
}

/** undefined for one that is damaged too: nothing depends on it but a guess at how long it takes. */
function readReport(home: string, path: string): v.InferOutput<typeof reportSchema> | undefined {
  try {
    return readFile(home, path, reportSchema)
  } catch {
    return undefined
  }
}

const clusterSchema = v.object({
  uid: v.string(),
  server: v.string(),
  /** How far its data had come when a run last succeeded there; runs of earlier versions did not keep it. */
  dataVersion: v.optional(v.pipe(v.string(), v.regex(/^\d+$/))),
})

/** Which cluster a context's name meant when something was last changed there; undefined where nothing ever was. */
export function knownCluster(home: string, context: string): v.InferOutput<typeof clusterSchema> | undefined {
  return readFile(home, join(contextFolder(home, context), 'cluster.json'), clusterSchema)
}

/** Forgets what was known of it: its data may be taken back, as to a snapshot of the lab. */
export function forgetCluster(home: string, context: string): void {
  rmSync(join(contextFolder(home, context), 'cluster.json'), { force: true })
}

/** Remembers which cluster a context's name means. */
export function recordCluster(home: string, context: string, cluster: v.InferOutput<typeof clusterSchema>): void {
  replaceFile(contextFolder(home, context), 'cluster.json', cluster)
}
