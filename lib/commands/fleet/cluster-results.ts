import { exitCodes } from '../../base/errors.ts'
import type { FleetCluster, Wave } from './fleet-file.ts'
import type { ClusterEnd, ClusterRecord, FleetRun } from './fleet-run.ts'
import type { ClusterState } from './schedule.ts'

/** What happened to a cluster in a run of the fleet. */
export interface ClusterResult {
  readonly name: string
  readonly context: string
  /** As the cluster's own document says it; `not-started` where it was not started, `interrupted` where it has not finished. */
  readonly outcome: string
  readonly exitCode: number | null
  /** The cluster's own run. */
  readonly runId: string | null
  readonly startedAt: string | null
  /** Of all attempts that finished, together. */
  readonly durationMs: number | null
  /** The version of Flux that runs there, where that is known. */
  readonly version?: string
  /** How the health check after the soak ended. */
  readonly health?: ClusterEnd
  readonly error?: NonNullable<ClusterEnd['error']>
}

export interface WaveResult {
  readonly name: string
  readonly clusters: readonly ClusterResult[]
}

/** What happened to every cluster, wave by wave. */
export function resultsOf(run: Pick<FleetRun, 'clusters'>, waves: readonly Wave[]): WaveResult[] {
  return waves.map(({ name, clusters }) => ({ name, clusters: clusters.map((cluster) => resultOf(cluster, run.clusters[cluster.name])) }))
}

function resultOf({ name, context }: FleetCluster, record: ClusterRecord | undefined): ClusterResult {
  if (record === undefined || record.spans.length === 0) {
    return { name, context, outcome: 'not-started', exitCode: null, runId: null, startedAt: null, durationMs: null }
  }
  const { end, health, spans } = record
  const startedAt = spans[0]?.startedAt ?? null
  const durationMs = timeOf(spans)
  if (end === undefined) return { name, context, outcome: 'interrupted', exitCode: null, runId: null, startedAt, durationMs }
  const version = health?.version ?? end.version
  const known = {
    name,
    context,
    startedAt,
    durationMs,
    runId: end.runId,
    ...(version === undefined ? {} : { version }),
    ...(health === undefined ? {} : { health }),
  }
  if (end.exitCode !== exitCodes.done || health === undefined || health.exitCode === exitCodes.done) {
    return { ...known, outcome: end.outcome, exitCode: end.exitCode, ...(end.error === undefined ? {} : { error: end.error }) }
  }
  const error = { ...health.error, message: `not healthy after the soak: ${health.error?.message ?? health.outcome}` }
  return { ...known, outcome: 'failed', exitCode: exitCodes.failed, error }
}

/** For how long the command ran, as far as that is known: an attempt that was killed has no end. */
function timeOf(spans: ClusterRecord['spans']): number | null {
  const ended = spans.flatMap(({ startedAt, finishedAt }) =>
    finishedAt === undefined ? [] : [Date.parse(finishedAt) - Date.parse(startedAt)],
  )
  return ended.length === 0 ? null : ended.reduce((sum, span) => sum + span, 0)
}

/** Where a cluster stands, for the schedule. */
export function clusterState(record: ClusterRecord | undefined): ClusterState {
  if (record?.end === undefined) return 'not-begun'
  return record.end.exitCode === exitCodes.done && (record.health?.exitCode ?? exitCodes.done) === exitCodes.done ? 'done' : 'failed'
}

/** The records as a resumed run begins with them: what succeeded is not done twice, all else is started or checked again. */
export function recordsToResume(records: FleetRun['clusters']): FleetRun['clusters'] {
  return Object.fromEntries(
    Object.entries(records).map(([name, { spans, process: left, end }]) => [
      name,
      {
        spans,
        ...(left === undefined ? {} : { process: left }),
        ...(end?.exitCode === exitCodes.done ? { end } : {}),
      },
    ]),
  )
}
