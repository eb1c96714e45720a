import { OperatorError } from '../../../base/errors.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import type { Wave } from '../fleet-file.ts'
import type { FleetProgress } from '../fleet-progress.ts'
import type { FleetView } from '../fleet-table.ts'
import { viewOf } from '../fleet-view.ts'
import { eventsBetween } from './fleet-events.ts'
import type { Management } from './management.ts'
import { conductorName, jobKind, jobLabel, runLabel } from './names.ts'
import { fleetPodFacts, jobFactsOf } from './pod-facts.ts'
import { readRunObject, type RunObject } from './run-object.ts'

/** How the conductor of a run is. */
export type ConductorState =
  | { readonly is: 'running' }
  /** Its pod does not run yet, or not again. */
  | { readonly is: 'starting'; readonly why: string }
  | { readonly is: 'ended'; readonly why: string }
  | { readonly is: 'gone' }

/** How the conductor of the run's last attempt is now. */
export async function conductorState({ cluster, namespace }: Management, { runId, run }: RunObject): Promise<ConductorState> {
  const name = conductorName(runId, run.kubernetes?.attempt ?? 1)
  const job = await cluster.get({ ...jobKind, namespace, name })
  if (job === undefined) return { is: 'gone' }
  const { end } = jobFactsOf(job)
  if (end !== undefined) return { is: 'ended', why: end.message === '' ? end.reason : end.message }
  const pods = (await cluster.list(kinds.pod, { namespace, labels: `${jobLabel}=${name}` })).map(fleetPodFacts)
  if (pods.some(({ is }) => is === 'running')) return { is: 'running' }
  const why = pods.flatMap((facts) => (facts.is === 'waiting' && facts.why !== '' ? [facts.why] : [])).at(-1)
  return { is: 'starting', why: why ?? '' }
}

interface FollowOptions {
  readonly waves: readonly Wave[]
  readonly progress: (view: () => FleetView) => FleetProgress
  /** Returns as soon as the conductor runs. */
  readonly isDetached: boolean
}

interface FollowedRun {
  readonly kept: RunObject
  readonly conductor: ConductorState
}

/**
 * Follows a run that its conductor carries out, until it has ended; the run does not need that.
 * @returns the run as it is then
 * @throws OperatorError `failed` where the conductor has ended without an outcome
 */
export async function followRun(
  management: Management,
  begun: RunObject,
  { waves, progress, isDetached }: FollowOptions,
): Promise<RunObject> {
  const { cluster, namespace } = management
  const { runId } = begun
  const began = Date.parse(begun.run.startedAt)
  let latest = begun
  let trouble = ''
  let known: RunObject['run']['clusters'] = {} // who attaches hears what there was before, too
  const shown = progress(() => viewOf(latest.run, waves, new Map(), { elapsedMs: Date.now() - began, note: trouble }))
  const watched = [kinds.configMap, jobKind, kinds.pod].map((kind) => ({ kind, query: { namespace, labels: `${runLabel}=${runId}` } }))
  const isOver = ({ kept, conductor }: FollowedRun): boolean =>
    kept.run.outcome !== undefined || conductor.is === 'gone' || conductor.is === 'ended' || (isDetached && conductor.is === 'running')
  try {
    const { kept, conductor } = await waitUntil(cluster, {
      watches: watched,
      timeout: Number.MAX_SAFE_INTEGER, // as long as the fleet takes
      every: 10_000,
      check: async () => {
        const kept = (await readRunObject(cluster, namespace, runId)) ?? latest
        for (const event of eventsBetween(known, kept.run.clusters, kept.run.command, waves)) shown.event(...event)
        latest = kept
        known = kept.run.clusters
        return { kept, conductor: await conductorState(management, kept) }
      },
      isOver,
      meanwhile({ conductor }) {
        const why = conductor.is === 'starting' && conductor.why !== '' ? `the conductor does not start: ${conductor.why}` : ''
        if (why !== '' && why !== trouble) shown.event('warning', why)
        trouble = why
      },
    })
    if (kept.run.outcome !== undefined || (isDetached && conductor.is === 'running')) return kept
    // Its last word may have come after the check the run, and before that at its Job.
    const last = await readRunObject(cluster, namespace, runId)
    if (last?.run.outcome !== undefined) return last
    throw lostConductor(management, kept, conductor)
  } finally {
    shown.close()
  }
}

function lostConductor({ context, namespace }: Management, { runId, run }: RunObject, conductor: ConductorState): OperatorError {
  const name = conductorName(runId, run.kubernetes?.attempt ?? 1)
  const how = conductor.is === 'ended' ? `has ended without an outcome: ${conductor.why}` : 'was deleted before it finished'
  return new OperatorError(`the conductor of the run ${runId}, Job ${namespace}/${name}, ${how}`, {
    remedy: `kubectl --context ${context} --namespace ${namespace} logs job/${name}`,
  })
}
