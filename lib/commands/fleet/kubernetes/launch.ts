import { join } from 'node:path'
import { OperatorError } from '../../../base/errors.ts'
import { flagWords, sameCall, scriptCall } from '../../../base/shell-line.ts'
import { putFile } from '../../../base/write-atomic.ts'
import { placeWords } from '../choose-run.ts'
import type { FleetEnding } from '../conclude-fleet.ts'
import { clusterState } from '../cluster-results.ts'
import type { Effect } from '../fleet-commands.ts'
import { fleetConsent } from '../fleet-consent.ts'
import type { Wave } from '../fleet-file.ts'
import { showFleetPlan } from '../fleet-plan.ts'
import { duplicateClusters } from '../fleet-preflight.ts'
import { openProgress } from '../fleet-progress.ts'
import { type KeptRun, keepRun, makeRunFolder } from '../fleet-run.ts'
import type { FleetTools } from '../fleet-tools.ts'
import type { StopSignals } from '../stop-signals.ts'
import { effectOf } from '../prepare-fleet.ts'
import { followRun } from './follow-run.ts'
import { conductorName } from './names.ts'
import { conductorJob } from './manifests.ts'
import { openManagement, type Management, verifyStanding } from './management.ts'
import type { Place } from './place.ts'
import { prepareOnKubernetes, type Prepared, type RunCall } from './prepare.ts'
import { runManifest, type RunObject } from './run-object.ts'
import { resultOf } from './result.ts'

interface LaunchTools extends FleetTools {
  readonly stops: StopSignals
  /** Where the runs of all contexts are kept on this machine. */
  readonly runs: string
}

/** Carries a run of the fleet out by Jobs on the management cluster, or attaches to one that is carried out there. */
export async function fleetOnKubernetes(
  call: RunCall,
  place: Place,
  tools: LaunchTools,
): Promise<{ readonly ending: FleetEnding; readonly command: string }> {
  const { console, redactor, stops } = tools
  const kubeconfig = typeof call.given.kubeconfig === 'string' ? call.given.kubeconfig : undefined
  const management = await openManagement({ ...place, kubeconfig }, { console, redactor, signal: stops.stop })
  try {
    await verifyStanding(management)
    const prepared = await prepareOnKubernetes(call, management, tools)
    const { waves } = prepared
    const { command } = prepared.kept.run
    if (prepared.is === 'running') return { command, ending: await follow(prepared.kept, waves, management, call, tools) }
    const { digest, file } = prepared.kept.run
    const effect = show(prepared, call, tools)
    if (call.given['dry-run'] === true) return { command, ending: { is: 'planned', waves, file, digest } }
    const kept = await consented(prepared, effect, call, tools)
    stops.stop.throwIfAborted()
    await begin(kept, waves, management)
    return { command, ending: await follow(kept, waves, management, call, tools) }
  } finally {
    await management.close()
  }
}

function show({ kept, waves, seen, command }: Extract<Prepared, { is: 'ready' }>, { given }: RunCall, { console }: LaunchTools): Effect {
  const { run } = kept
  const clusters = waves.flatMap((wave) => wave.clusters)
  const done = clusters.flatMap(({ name }) => (clusterState(run.clusters[name]) === 'done' ? [name] : []))
  const words = [run.command, ...flagWords(run.own)]
  showFleetPlan(given['dry-run'] === true ? console.answer : console, { words, file: run.file, digest: run.digest, waves, seen, done })
  for (const { what } of duplicateClusters(seen)) console.warning(what)
  const { context = '', namespace = '', image = '' } = run.kubernetes ?? {}
  console.line(`by Jobs in the namespace ${namespace} of ${context}, image ${image}`)
  return effectOf({ ...run, command })
}

async function consented(
  { kept, waves }: Extract<Prepared, { is: 'ready' }>,
  effect: Effect,
  { given, name }: RunCall,
  { console }: LaunchTools,
): Promise<RunObject> {
  const again = (...flags: readonly string[]): string => sameCall('fleet', given, flags, name === undefined ? [] : [name])
  const clusters = waves.flatMap((wave) => wave.clusters)
  const { run } = kept
  const consent = await fleetConsent({ command: run.command, effect, clusters, digest: run.digest, given, again, console })
  return { ...kept, run: { ...run, ...(run.kubernetes === undefined ? {} : { kubernetes: { ...run.kubernetes, consent } }) } }
}

/** From here on the run needs this terminal no more. */
async function begin({ runId, run, content }: RunObject, waves: readonly Wave[], { cluster, namespace }: Management): Promise<void> {
  const { image = '', attempt = 1 } = run.kubernetes ?? {}
  await cluster.apply(runManifest(namespace, { runId, run, content }))
  const clusters = waves.flatMap((wave) => wave.clusters)
  await cluster.create(conductorJob({ namespace, runId, image }, conductorName(runId, attempt), clusters))
}

async function follow(
  begun: RunObject,
  waves: readonly Wave[],
  management: Management,
  { given }: RunCall,
  { console, log, runs, stops }: LaunchTools,
): Promise<FleetEnding> {
  const { runId } = begun
  const folder = makeRunFolder(runs, runId)
  putFile(join(folder, 'fleet.yaml'), begun.content)
  const copy = (run: RunObject['run']): KeptRun => {
    const kept = { runId, folder, run }
    keepRun(kept)
    return kept
  }
  copy(begun.run)
  log.keepIn(join(folder, 'log.txt'))
  const isDetached = given.detach === true
  const progress = (view: Parameters<typeof openProgress>[0]['view']) => openProgress({ console, log: log.line, view })
  try {
    const { run } = await followRun(management, begun, { waves, progress, isDetached })
    if (run.outcome === undefined) return { is: 'detached', kept: copy(run), waves }
    if (run.error !== undefined) throw refusalOf(run.error)
    return { is: 'ended', kept: copy(run), waves, result: resultOf(run, waves) }
  } catch (error) {
    if (!stops.stop.aborted) throw error
    throw leftAlone(management, begun)
  }
}

/** Nothing was started: the conductor has found a problem. */
function refusalOf({ message, remedy }: NonNullable<RunObject['run']['error']>): OperatorError {
  return new OperatorError(message, { kind: 'blocked', ...(remedy === undefined ? {} : { remedy }) })
}

function leftAlone({ context, namespace }: Management, { runId, run }: RunObject): OperatorError {
  const again = scriptCall('fleet', ['--resume', runId, ...placeWords(run)])
  const job = conductorName(runId, run.kubernetes?.attempt ?? 1)
  return new OperatorError(`no longer watched from here; the run ${runId} continues on ${context}`, {
    kind: 'cancelled',
    remedy: `to watch it again: ${again}\nto start no further cluster (the running ones finish): kubectl --context ${context} --namespace ${namespace} delete job ${job}`,
  })
}
