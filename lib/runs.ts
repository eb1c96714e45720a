import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { messageOf, OperatorError } from './errors.ts'
import { startOf } from './process-start.ts'

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
})
type RunFile = v.InferOutput<typeof memorySchema>

/** Where the runs of all contexts are kept, on this person's machine. */
export function stateHome(): string {
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'flux-runbook')
}

/** A context's folder below `home`; a context may be an ARN, with slashes and colons. */
export function contextFolder(home: string, context: string): string {
  return join(home, encodeURIComponent(context))
}

/** Replaces a run's memory in one go: it is never half written. */
export function remember(folder: string, run: v.InferInput<typeof memorySchema>): void {
  replaceFile(folder, 'run.json', run)
}

function replaceFile(folder: string, name: string, content: unknown): void {
  const path = join(folder, name)
  writeFileSync(`${path}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

function readFile<S extends v.GenericSchema>(path: string, schema: S): v.InferOutput<S> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new OperatorError(`${path} cannot be read: ${messageOf(error)}`, { kind: 'blocked' })
  }
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
  if (read.success) return read.output
  throw new OperatorError(`${path} is damaged: ${v.summarize(read.issues)}`, { kind: 'blocked', remedy: `look at it, then: rm ${path}` })
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
  const last = isNamed
    ? wanted
    : runsIn(folder)
        .filter((name) => name.endsWith(`-${script}`))
        .sort()
        .at(-1)
  const memory = last === undefined ? undefined : readFile(join(folder, last, 'run.json'), memorySchema)
  if (last === undefined || memory === undefined) return undefined
  const resumable = [undefined, 'cancelled', ...(wanted === undefined ? [] : ['failed'])]
  if (!resumable.includes(memory.ended) || (memory.ended === undefined && isAlive(memory))) return undefined
  return { ...memory, runId: last }
}

function runsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // no run has ever changed anything there
  }
}

/** A run on another host, or on this one under another name, may live; then it holds the cluster's lock. */
function isAlive({ host, pid, started }: RunFile): boolean {
  return host === hostname() && startOf(pid) === started
}

const reportSchema = v.looseObject({ outcome: v.string(), startedAt: v.string(), finishedAt: v.string() })

/** How long the script took on the context when it was last carried out to its end, in milliseconds; undefined where it never was. */
export function lastDuration(home: string, context: string, script: string): number | undefined {
  const folder = contextFolder(home, context)
  for (const name of runsIn(folder).sort().reverse()) {
    if (!name.endsWith(`-${script}`)) continue
    const report = readFile(join(folder, name, 'report.json'), reportSchema)
    if (report?.outcome === 'done') return Date.parse(report.finishedAt) - Date.parse(report.startedAt)
  }
  return undefined
}

const clusterSchema = v.object({ uid: v.string(), server: v.string() })

/** Which cluster a context's name meant when something was last changed there; undefined where nothing ever was. */
export function knownCluster(home: string, context: string): v.InferOutput<typeof clusterSchema> | undefined {
  return readFile(join(contextFolder(home, context), 'cluster.json'), clusterSchema)
}

/** Remembers which cluster a context's name means. */
export function rememberCluster(home: string, context: string, cluster: v.InferOutput<typeof clusterSchema>): void {
  const folder = contextFolder(home, context)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  replaceFile(folder, 'cluster.json', cluster)
}
