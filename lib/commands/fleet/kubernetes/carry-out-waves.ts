import { exitCodes } from '../../../base/errors.ts'
import { soakUntil } from '../carry-out.ts'
import { clusterState } from '../cluster-results.ts'
import type { FleetCluster, Wave } from '../fleet-file.ts'
import type { FleetProgress } from '../fleet-progress.ts'
import type { ClusterRecord, FleetRun } from '../fleet-run.ts'
import type { FleetView } from '../fleet-table.ts'
import { viewOf } from '../fleet-view.ts'
import { runWaves, type WavesResult } from '../schedule.ts'
import type { RecordChange } from './pod-records.ts'
import { createWaveJobs, type WaveJobs } from './wave-jobs.ts'

interface WavesOptions extends Omit<Parameters<typeof createWaveJobs>[0], 'tell' | 'warn'> {
  readonly waves: readonly Wave[]
  readonly progress: (view: () => FleetView) => FleetProgress
}

/** Carries the command out wave after wave, each as a Job. Whatever fails on a cluster is in its record, not thrown. */
export async function carryOutWaves({ waves, progress, ...options }: WavesOptions): Promise<WavesResult> {
  const { run, keeper, cluster } = options
  const began = Date.now()
  const shown = progress(() => viewOf(run, waves, new Map(), { elapsedMs: Date.now() - began, note: '' }))
  const jobs = createWaveJobs({
    ...options,
    tell: (change, wave, member, record) => tell(shown, run, { change, wave, member, record }),
    warn: (text) => shown.event('warning', text),
  })
  // The Job decides how many run at a time, and when no more are started.
  const wholeWaves = waves.map((wave) => ({ ...wave, parallel: wave.clusters.length }))
  const isDone = ({ name }: FleetCluster): boolean => clusterState(run.clusters[name]) === 'done'
  const running = onceForAll((wave) => jobs(narrow(waves, wave), wave.clusters.filter(isNotBegun(run)), false))
  const checking = onceForAll((wave) => jobs(narrow(waves, wave), wave.clusters.filter(isDone), true))
  try {
    // What a conductor has left that was killed: those that ran finish, whatever the others came to.
    for (const { wave: name, isCheck } of (run.kubernetes?.jobs ?? []).filter(({ isOver }) => !isOver)) {
      const wave = waves.find((one) => one.name === name)
      if (wave !== undefined) await jobs(wave, [], isCheck)
    }
    return await runWaves(wholeWaves, {
      standingOf: ({ name }) => clusterState(run.clusters[name]),
      isStopping: () => false, // who wants to stop it deletes its Job
      run: (_, wave) => running(wave),
      hasSoaked: ({ name }) => run.passed[name] !== undefined,
      async soak(wave) {
        await soakUntil(wave, run, shown, cluster.signal)
      },
      check: (_, wave) => checking(wave),
      passed({ name }) {
        run.passed[name] ??= new Date().toISOString()
        keeper.keep()
      },
    })
  } finally {
    shown.close()
  }
}

function isNotBegun(run: FleetRun): (cluster: FleetCluster) => boolean {
  return ({ name }) => clusterState(run.clusters[name]) === 'not-begun'
}

/** The wave as FILE has it: with its own `parallel`. */
function narrow(waves: readonly Wave[], { name, ...wave }: Wave): Wave {
  return waves.find((one) => one.name === name) ?? { name, ...wave }
}

/** One Job for all clusters of a wave, whichever asks first. */
function onceForAll(act: (wave: Wave) => ReturnType<WaveJobs>): (wave: Wave) => Promise<void> {
  const begun = new Map<string, Promise<void>>()
  return (wave) => {
    const acting = begun.get(wave.name) ?? act(wave)
    begun.set(wave.name, acting)
    return acting
  }
}

interface Happened {
  readonly change: NonNullable<RecordChange>
  readonly wave: Wave
  readonly member: FleetCluster
  readonly record: ClusterRecord
}

function tell(shown: FleetProgress, { command }: FleetRun, { change, wave, member, record }: Happened): void {
  const where = `${wave.name}/${member.name}`
  if (change === 'begun') return shown.event('action', `${where}: ${command}`)
  if (change === 'resumed')
    return shown.event('action', `${where}: ${record.end === undefined ? `${command} again` : 'health after the soak'}`)
  if (change === 'killed') return shown.event('warning', `${where}: ${record.trouble}`)
  const { outcome, exitCode, error } = record.health ?? record.end ?? { outcome: 'failed', exitCode: exitCodes.failed }
  const why = error === undefined ? '' : `: ${error.message.split('\n')[0]}`
  const what = record.health === undefined ? '' : 'health after the soak: '
  shown.event(exitCode === exitCodes.done ? 'success' : 'failure', `${where}: ${what}${outcome}${why}`)
}
