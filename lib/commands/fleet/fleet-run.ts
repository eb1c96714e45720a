import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { readOwnFile } from '../../base/own-folder.ts'
import { shellQuote } from '../../base/shell-line.ts'
import { putFile } from '../../base/write-atomic.ts'
import { startOf } from '../../process/process-start.ts'

const text = v.string()
/** How a script ended on a cluster, as its document says. */
const endSchema = v.object({
  outcome: text,
  exitCode: v.number(),
  runId: v.optional(v.nullable(text), null),
  /** The version of Flux that runs there now, as far as the document says. */
  version: v.optional(text),
  error: v.optional(v.object({ message: text, remedy: v.optional(text) })),
})
export type ClusterEnd = v.InferOutput<typeof endSchema>

/** How a script ended, from its text; undefined where it does not say that. */
export function parseEnd(content: string): ClusterEnd | undefined {
  const read = v.safeParse(v.pipe(text, v.parseJson(), endSchema), content)
  return read.success ? read.output : undefined
}

const spanSchema = v.object({ startedAt: text, finishedAt: v.optional(text) })

const recordSchema = v.object({
  /** Each time that the command ran there; one that was killed has no end. */
  spans: v.array(spanSchema),
  /** The process of the last time, while it runs. */
  process: v.optional(v.object({ pid: v.number(), started: text })),
  /** With the engine kubernetes: its pod, while it runs. */
  pod: v.optional(text),
  /** How the last of its pods was killed before it finished. */
  trouble: v.optional(text),
  end: v.optional(endSchema),
  /** How the health check after the soak ended. */
  health: v.optional(endSchema),
})
export type ClusterRecord = v.InferOutput<typeof recordSchema>

const jobSchema = v.object({
  name: text,
  wave: text,
  /** It checks the health after the wave has soaked. */
  isCheck: v.boolean(),
  /** The clusters by their index. */
  clusters: v.array(text),
  /** Everything that it came to is in the clusters' records. */
  isOver: v.optional(v.boolean(), false),
})
/** An Indexed Job of a wave. */
export type KeptJob = v.InferOutput<typeof jobSchema>

/** What the engine kubernetes uses. */
const onKubernetesSchema = v.object({
  /** The context of the management cluster, as the person who began the run calls it. */
  context: text,
  namespace: text,
  image: text,
  consent: v.object({ changes: v.boolean(), destroys: v.boolean() }),
  /** How many conductors the run has had. */
  attempt: v.number(),
  jobs: v.array(jobSchema),
  /** What the settings of the clusters' folders say of their repositories, by the clusters' names: the pods have no checkout. */
  folders: v.optional(v.record(text, v.record(text, text)), {}),
})

const runSchema = v.object({
  schemaVersion: v.literal(1),
  command: text,
  engine: v.picklist(['local', 'kubernetes']),
  kubernetes: v.optional(onKubernetesSchema),
  /** FILE, as an absolute path; the run uses the copy that it keeps. */
  file: text,
  /** `sha256:…` of FILE. */
  digest: text,
  /** The names of the waves that were chosen, in their order. */
  waves: v.array(text),
  /** The command's own flags, and those that say where the clusters are, each as they were parsed. */
  own: v.record(text, v.union([text, v.boolean()])),
  shared: v.record(text, v.union([text, v.boolean()])),
  operator: text,
  host: text,
  pid: v.number(),
  started: text,
  startedAt: text,
  finishedAt: v.optional(text),
  outcome: v.optional(text),
  /** Why it was refused, where nothing was started. */
  error: v.optional(v.object({ message: text, remedy: v.optional(text) })),
  clusters: v.record(text, recordSchema),
  /** When each wave was done, soaked and healthy. */
  passed: v.record(text, text),
})
/** All that a run of the fleet remembers: what resumes it and what its reports are made of. */
export type FleetRun = v.InferOutput<typeof runSchema>

/** `sha256:…` of FILE, which identifies it in a consent. */
export function fileDigest(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** A run of the fleet and its folder. */
export interface KeptRun {
  readonly runId: string
  readonly folder: string
  readonly run: FleetRun
}

/** Where the fleet's runs are, below the home of all runs: no context's folder has a plus sign in its name. */
export function fleetHome(runs: string): string {
  return join(runs, '+fleet')
}

/** Makes a run's folder, for its owner alone. */
export function makeRunFolder(runs: string, runId: string): string {
  const folder = join(fleetHome(runs), runId)
  mkdirSync(join(folder, 'clusters'), { recursive: true, mode: 0o700 })
  return folder
}

/** Replaces what a run remembers in one go: it is never half written. */
export function keepRun({ folder, run }: Pick<KeptRun, 'folder' | 'run'>): void {
  putFile(join(folder, 'fleet.json'), `${JSON.stringify(run, undefined, 2)}\n`)
}

/** What identifies this process in a run that it carries out. */
export function ownProcess(): Pick<FleetRun, 'host' | 'pid' | 'started'> {
  return { host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' }
}

/**
 * The run of that name, or the last one of those that are wanted.
 * @param name empty for the last one
 * @throws OperatorError `blocked` where what the run remembers is damaged
 */
export function findRun(runs: string, name: string, isWanted: (run: FleetRun) => boolean = () => true): KeptRun | undefined {
  const all = namesIn(fleetHome(runs))
  const candidates = name === '' ? all.sort().reverse() : all.filter((one) => one === name)
  for (const runId of candidates) {
    const folder = join(fleetHome(runs), runId)
    const run = readRun(runs, join(folder, 'fleet.json'))
    if (run !== undefined && isWanted(run)) return { runId, folder, run }
  }
  return undefined
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // no fleet was ever run
  }
}

/** What a run remembers, from its text; undefined where that is not what one is. */
export function parseRun(content: string): FleetRun | undefined {
  const read = v.safeParse(v.pipe(text, v.parseJson(), runSchema), content)
  return read.success ? read.output : undefined
}

function readRun(runs: string, path: string): FleetRun | undefined {
  let content: string
  try {
    content = readOwnFile(runs, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined // killed before it was written
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${path} cannot be read: ${messageOf(error)}`, { kind: 'blocked' })
  }
  const read = v.safeParse(v.pipe(text, v.parseJson(), runSchema), content)
  if (read.success) return read.output
  throw new OperatorError(`${path} is damaged: ${v.summarize(read.issues)}`, {
    kind: 'blocked',
    remedy: `check it, then: rm ${shellQuote(path)}`,
  })
}

/** Whether a run's process is there still; on another host it may be. */
export function fleetStateOf({ outcome, host, pid, started }: FleetRun): 'ended' | 'running' | 'interrupted' | 'on another host' {
  if (outcome !== undefined) return 'ended'
  if (host !== hostname()) return 'on another host'
  return startOf(pid) === started ? 'running' : 'interrupted'
}
