import { setTimeout as pause } from 'node:timers/promises'
import { showDuration } from '../../base/duration.ts'
import { exitCodes, messageOf } from '../../base/errors.ts'
import { startOwnScript } from '../../process/own-script.ts'
import { checkWordsFor, type FleetConsent, wordsFor } from './cluster-call.ts'
import { clusterState } from './cluster-results.ts'
import { type ClusterWorker, createWorker } from './cluster-worker.ts'
import type { FleetCommand } from './fleet-commands.ts'
import type { FleetCluster, Wave } from './fleet-file.ts'
import type { FleetProgress } from './fleet-progress.ts'
import { type ClusterEnd, type ClusterRecord, type FleetRun, type KeptRun, keepRun } from './fleet-run.ts'
import type { FleetView } from './fleet-table.ts'
import { viewOf } from './fleet-view.ts'
import { interruptedRun, untilEnded } from './interrupted-cluster.ts'
import { runWaves, type WavesResult } from './schedule.ts'
import type { StopSignals } from './stop-signals.ts'

/** All that carrying a fleet out takes. */
export interface FleetWork {
  readonly kept: KeptRun
  readonly waves: readonly Wave[]
  readonly command: FleetCommand
  readonly consent: FleetConsent
  readonly stops: StopSignals
  /** Where the runs of all contexts are kept. */
  readonly runs: string
  readonly clean: (text: string) => string
  /** Opens what shows how the fleet gets on. */
  readonly progress: (view: () => FleetView) => FleetProgress
  /** Starts a script on a cluster; the tests have their own. */
  readonly start?: typeof startOwnScript
}

/** The same, while it is carried out. */
interface RunningFleet extends FleetWork {
  readonly call: ClusterWorker
  readonly shown: FleetProgress
  readonly keep: () => void
  readonly recordOf: (cluster: FleetCluster) => ClusterRecord
  /** Says what happens beside the clusters, from now on. */
  readonly say: (note: () => string) => void
}

/** Carries the command out on the clusters, wave after wave. Whatever fails on a cluster is in its record, not thrown. */
export async function carryOut(work: FleetWork): Promise<WavesResult> {
  const { kept, waves, stops } = work
  const { run } = kept
  const began = Date.now()
  const steps = new Map<string, string>()
  let note = (): string => ''
  const shown = work.progress(() => viewOf(run, waves, steps, { elapsedMs: Date.now() - began, note: note() }))
  const keep = keeper(kept, shown)
  const step = (name: string, text: string | undefined): void => {
    if (text === undefined) steps.delete(name)
    else shown.step(name, steps.set(name, text).get(name) ?? '')
  }
  const { folder } = kept
  const call = createWorker({ folder, cancel: stops.cancel, clean: work.clean, step, changed: keep, start: work.start ?? startOwnScript })
  const recordOf = ({ name }: FleetCluster): ClusterRecord => (run.clusters[name] ??= { spans: [] })
  const say = (text: () => string): void => void (note = text)
  const forget = reportStops(stops, shown, say)
  const underway: RunningFleet = { ...work, call, shown, keep, recordOf, say }
  try {
    return await runWaves(waves, {
      standingOf: ({ name }) => clusterState(run.clusters[name]),
      isStopping: () => stops.stop.aborted,
      run: (cluster, wave) => runCluster(cluster, wave, underway),
      hasSoaked: ({ name }) => run.passed[name] !== undefined,
      soak: (wave) => soak(wave, underway),
      check: (cluster, wave) => checkCluster(cluster, wave, underway),
      passed({ name }) {
        run.passed[name] ??= new Date().toISOString()
        if (!stops.stop.aborted) say(() => '')
        keep()
      },
    })
  } finally {
    forget()
    say(() => '')
    shown.close()
  }
}

/** Keeps the run; where that fails, says so once: what the fleet remembers does not decide what it does. */
function keeper(kept: KeptRun, shown: FleetProgress): () => void {
  let isKept = true
  return () => {
    try {
      keepRun(kept)
    } catch (error) {
      if (isKept) shown.event('warning', `the state of the fleet run cannot be saved: ${messageOf(error)}`)
      isKept = false
    }
  }
}

/** Says what each Ctrl-C comes to. */
function reportStops({ stop, cancel }: StopSignals, shown: FleetProgress, say: RunningFleet['say']): () => void {
  const report = (text: string) => (): void => {
    say(() => text)
    shown.event('warning', text)
  }
  const stopping = report('stopping: running clusters finish, no more are started; Ctrl-C again cancels them')
  const cancelling = report('cancelling the running clusters')
  stop.addEventListener('abort', stopping)
  cancel.addEventListener('abort', cancelling)
  return () => {
    stop.removeEventListener('abort', stopping)
    cancel.removeEventListener('abort', cancelling)
  }
}

async function runCluster(cluster: FleetCluster, wave: Wave, underway: RunningFleet): Promise<void> {
  const { kept, command, consent, runs, call, shown, keep, recordOf } = underway
  const { own, shared, command: name } = kept.run
  const record = recordOf(cluster)
  const { process: left } = record
  if (!(await untilEnded(left))) {
    const message = `process ${left?.pid} of an earlier attempt still works on it`
    record.end = { outcome: 'locked', exitCode: exitCodes.locked, runId: null, error: { message } }
    return reportEnd(shown, cluster, wave, record.end)
  }
  delete record.process
  const isAgain = record.spans.length > 0 && command.isResumable
  const resume = isAgain ? interruptedRun(runs, { context: cluster.context, command: name, fleetRun: kept.runId }) : undefined
  const span: ClusterRecord['spans'][number] = { startedAt: new Date().toISOString() }
  record.spans.push(span)
  shown.event('action', `${wave.name}/${cluster.name}: ${name}${resume === undefined ? '' : `, resuming the run ${resume}`}`)
  record.end = await call(name, cluster, record, wordsFor(cluster, { command, own, shared, consent, resume }))
  span.finishedAt = new Date().toISOString()
  keep()
  reportEnd(shown, cluster, wave, record.end)
}

async function soak(wave: Wave, { kept, stops, shown, say }: RunningFleet): Promise<void> {
  const { name, soakMs } = wave
  const hasSoaked = await soakUntil(wave, kept.run, shown, stops.stop, (until) =>
    say(() => `${name} soaks for ${showDuration(soakMs)}, ${showDuration(Math.max(0, until - Date.now()))} left`),
  )
  if (hasSoaked) say(() => `${name} has soaked: checking its health again`)
}

/**
 * Waits as long as a wave is to soak since its last cluster has ended, or until the signal aborts.
 * @param begun is given when it will have soaked
 * @returns whether it has
 */
export async function soakUntil(
  { name, clusters, soakMs }: Wave,
  run: FleetRun,
  shown: FleetProgress,
  signal: AbortSignal,
  begun: (until: number) => void = () => undefined,
): Promise<boolean> {
  const until = lastEnd(clusters.flatMap((cluster) => run.clusters[cluster.name] ?? [])) + soakMs
  begun(until)
  shown.event('action', `the wave ${name} soaks for ${showDuration(soakMs)}`)
  await pause(Math.max(0, until - Date.now()), undefined, { signal }).catch(() => undefined)
  return !signal.aborted
}

async function checkCluster(cluster: FleetCluster, wave: Wave, { kept, call, shown, keep, recordOf }: RunningFleet): Promise<void> {
  const record = recordOf(cluster)
  record.health = await call('health-check', cluster, record, checkWordsFor(cluster, kept.run.shared))
  keep()
  reportEnd(shown, cluster, wave, record.health, 'health after the soak: ')
}

function reportEnd(shown: FleetProgress, { name }: FleetCluster, wave: Wave, { exitCode, outcome, error }: ClusterEnd, what = ''): void {
  const why = error === undefined ? '' : `: ${error.message.split('\n')[0]}`
  shown.event(exitCode === exitCodes.done ? 'success' : 'failure', `${wave.name}/${name}: ${what}${outcome}${why}`)
}

/** When the last of them ended, in milliseconds; now, where none has. */
function lastEnd(records: readonly ClusterRecord[]): number {
  const ends = records.flatMap(({ spans }) => spans.flatMap(({ finishedAt }) => (finishedAt === undefined ? [] : [Date.parse(finishedAt)])))
  return ends.length === 0 ? Date.now() : Math.max(...ends)
}
