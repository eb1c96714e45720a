import { ApiError } from '../../../kubernetes/http.ts'
import { type Cluster, isConflict } from '../../../kubernetes/client.ts'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import type { FleetCluster, Wave } from '../fleet-file.ts'
import type { ClusterRecord, FleetRun, KeptJob } from '../fleet-run.ts'
import { followJob } from './follow-job.ts'
import { type OwnerJob, type RunObjects, waveJob, workManifest } from './manifests.ts'
import { waveJobName } from './names.ts'
import { fleetPodFacts, indexOf } from './pod-facts.ts'
import { type RecordChange, recordEnd, recordPod } from './pod-records.ts'
import type { RunKeeper } from './run-object.ts'
import type { Work } from './work.ts'

interface WaveJobsOptions {
  readonly cluster: Cluster
  readonly objects: RunObjects
  readonly owner: OwnerJob
  readonly run: FleetRun
  readonly keeper: RunKeeper
  /** A cluster was started, or has ended. */
  readonly tell: (change: NonNullable<RecordChange>, wave: Wave, cluster: FleetCluster, record: ClusterRecord) => void
  /** A pod does not start. */
  readonly warn: (text: string) => void
}

/** Carries a wave, or its health checks, out on these clusters as one Indexed Job; resolves when it and its pods have ended. */
export type WaveJobs = (wave: Wave, clusters: readonly FleetCluster[], isCheck: boolean) => Promise<void>

/**
 * What runs the clusters of a wave. A Job that an earlier conductor has begun, and that was killed, is followed on: no cluster is started twice.
 */
export function createWaveJobs(options: WaveJobsOptions): WaveJobs {
  const { cluster, objects, run, keeper } = options
  return async (wave, clusters, isCheck) => {
    const job = keptJob(run, objects.runId, wave, clusters, isCheck)
    await keeper.kept() // before it is there: the next conductor knows whose pods these are
    const members = job.clusters.flatMap((name) => wave.clusters.find((one) => one.name === name) ?? [])
    await createJob(job, wave, members, options)
    const facts = await followJob(cluster, { namespace: objects.namespace, name: job.name }, followerOf(job, wave, members, options))
    for (const [index, { name }] of members.entries()) {
      const record = run.clusters[name]
      const member = members[index]
      if (record === undefined || member === undefined || facts === undefined) continue
      if (recordEnd(record, job, index, facts) !== undefined) options.tell('ended', wave, member, record)
    }
    job.isOver = true
    await keeper.kept()
  }
}

function keptJob(run: FleetRun, runId: string, wave: Wave, clusters: readonly FleetCluster[], isCheck: boolean): KeptJob {
  const jobs = run.kubernetes?.jobs ?? []
  const begun = jobs.find((job) => job.wave === wave.name && job.isCheck === isCheck && !job.isOver)
  if (begun !== undefined) return begun
  const name = waveJobName(runId, jobs.length + 1)
  const job = { name, wave: wave.name, isCheck, clusters: clusters.map((one) => one.name), isOver: false }
  jobs.push(job)
  return job
}

async function createJob(
  { name, isCheck }: KeptJob,
  wave: Wave,
  clusters: readonly FleetCluster[],
  { cluster, objects, owner, run }: WaveJobsOptions,
): Promise<void> {
  const { command, own, shared, kubernetes } = run
  const consent = kubernetes?.consent ?? { changes: false, destroys: false }
  const members = clusters.map(({ name: one, context, cluster: folder }) => {
    const settings = kubernetes?.folders[one]
    return { name: one, context, ...(folder === undefined ? {} : { cluster: folder }), ...(settings === undefined ? {} : { settings }) }
  })
  const work: Work = { runId: objects.runId, command, isCheck, own, shared, consent, clusters: members }
  // Every cluster is checked, so that the report names each that is not healthy.
  const tolerant = isCheck ? { ...wave, maxFailures: clusters.length } : wave
  for (const object of [workManifest(objects, name, owner, work), waveJob(objects, { name, owner, wave: tolerant, clusters })]) {
    await createOnce(cluster, object)
  }
}

/** What an earlier conductor has made already is left as it is. */
async function createOnce(cluster: Cluster, object: KubeObject): Promise<void> {
  try {
    await cluster.create(object)
  } catch (error) {
    if (!isConflict(error) || !(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error
  }
}

function followerOf(
  job: KeptJob,
  wave: Wave,
  members: readonly FleetCluster[],
  { run, keeper, cluster, tell, warn }: WaveJobsOptions,
): Parameters<typeof followJob>[2] {
  const warned = new Set<string>()
  return {
    signal: cluster.signal,
    see(pod) {
      const member = members[indexOf(pod)]
      if (member === undefined) return
      const facts = fleetPodFacts(pod)
      const text = facts.is === 'waiting' && facts.why !== '' ? `${wave.name}/${member.name}: its pod does not start: ${facts.why}` : ''
      if (text !== '' && !warned.has(text)) {
        warned.add(text)
        warn(text)
      }
      if (facts.is === 'waiting') return
      const record = (run.clusters[member.name] ??= { spans: [] })
      const before = JSON.stringify(record)
      const change = recordPod(record, job, pod.metadata.name, facts)
      if (change !== undefined) tell(change, wave, member, record)
      if (JSON.stringify(record) !== before) keeper.keep()
    },
  }
}
