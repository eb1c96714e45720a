import { counted } from '../../../base/counted.ts'
import { join } from 'node:path'
import * as v from 'valibot'
import { OperatorError } from '../../../base/errors.ts'
import { scriptCall } from '../../../base/shell-line.ts'
import { readLocalSettings } from '../../../connection/cluster-settings.ts'
import { readSettings } from '../../../connection/settings.ts'
import { ApiError } from '../../../kubernetes/http.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { newRunId } from '../../../runner/run-journal.ts'
import { noRun, placeWords, resumeCommand, verifyLeft, verifySameFlags } from '../choose-run.ts'
import { recordsToResume } from '../cluster-results.ts'
import type { Effect, FleetCommand } from '../fleet-commands.ts'
import { type FleetCluster, parseFleet, type Wave } from '../fleet-file.ts'
import type { SeenCluster } from '../fleet-preflight.ts'
import { type FleetRun, ownProcess } from '../fleet-run.ts'
import type { FleetCall } from '../fleet-syntax.ts'
import type { FleetTools } from '../fleet-tools.ts'
import { blockedBy, chooseWaves } from '../open-fleet.ts'
import { commandNamed, defined, effectOf, newFleet } from '../prepare-fleet.ts'
import { conductorState } from './follow-run.ts'
import { readKnownClusters } from './known-clusters.ts'
import { type FoundKubeconfig, checkKubeconfigs } from './kubeconfigs.ts'
import type { Management } from './management.ts'
import { lastRunObject, readRunObject, type RunObject } from './run-object.ts'

export type RunCall = Extract<FleetCall, { is: 'run' }>

/** A run that is about to begin, or one whose conductor works already. */
export type Prepared =
  | {
      readonly is: 'ready'
      readonly kept: RunObject
      readonly command: FleetCommand
      readonly waves: readonly Wave[]
      readonly seen: readonly SeenCluster[]
    }
  | { readonly is: 'running'; readonly kept: RunObject; readonly waves: readonly Wave[] }

/**
 * Checks everything that could block the run, as far as it shows from here. Nothing is written.
 * @throws OperatorError `usage`, `locked` or `blocked`, with all findings
 */
export async function prepareOnKubernetes(call: RunCall, management: Management, tools: FleetTools): Promise<Prepared> {
  if (call.given.resume !== undefined) return prepareResumed(call, management, tools)
  const { name, command, file, own, shared, chosen } = newFleet(call, tools.commands)
  verifyPortable(own, command)
  await verifyNoOther(management, { file: file.path, command, name }, call)
  const image = await imageOf(tools, undefined)
  const { waves, seen } = await look(
    { path: file.path, content: file.content, chosen, effect: effectOf({ command, own, shared }) },
    management,
    tools,
  )
  const { context, namespace } = management
  const { kubeconfig: _, ...passed } = defined(shared) // each pod has its own
  const folders = await foldersOf(waves)
  const run: FleetRun = {
    schemaVersion: 1,
    command: name,
    engine: 'kubernetes',
    kubernetes: { context, namespace, image, consent: { changes: false, destroys: false }, attempt: 1, jobs: [], folders },
    file: file.path,
    digest: file.digest,
    waves: waves.map((wave) => wave.name),
    own: defined(own),
    shared: passed,
    operator: tools.origin.operator,
    ...ownProcess(),
    startedAt: tools.origin.startedAt,
    clusters: {},
    passed: {},
  }
  const runId = newRunId(`fleet-${name}`, new Date(tools.origin.startedAt))
  return { is: 'ready', kept: { runId, run, content: file.content }, command, waves, seen }
}

async function prepareResumed(call: RunCall, management: Management, tools: FleetTools): Promise<Prepared> {
  const { cluster, namespace } = management
  const wanted = String(call.given.resume)
  const isWanted = ({ command }: FleetRun): boolean => call.name === undefined || command === call.name
  const kept = wanted === '' ? await lastRunObject(cluster, namespace, isWanted) : await readRunObject(cluster, namespace, wanted)
  if (kept === undefined) throw noRun(wanted, call.name)
  verifyLeft(kept)
  verifySameFlags(kept, call)
  const { run, content } = kept
  const { is } = await conductorState(management, kept)
  if (run.outcome === undefined && (is === 'running' || is === 'starting')) {
    const parsed = parseFleet(content)
    return { is: 'running', kept, waves: parsed.is === 'valid' ? chooseWaves(parsed.waves, run.waves) : [] }
  }
  const image = await imageOf(tools, run.kubernetes?.image)
  const command = commandNamed(run.command, tools.commands)
  const effect = effectOf({ ...run, command })
  const { waves, seen } = await look({ path: run.file, content, chosen: run.waves, effect }, management, tools)
  const { outcome: _, finishedAt: __, error: ___, kubernetes, ...rest } = run
  const { context } = management
  const again = {
    ...rest,
    clusters: recordsToResume(run.clusters),
    kubernetes: {
      context,
      namespace,
      image,
      consent: { changes: false, destroys: false },
      attempt: (kubernetes?.attempt ?? 0) + 1,
      // What an earlier attempt has left went with its conductor, or has ended.
      folders: kubernetes?.folders ?? {},
      jobs: (kubernetes?.jobs ?? []).map((job) => ({ ...job, isOver: true })),
    },
  }
  return { is: 'ready', kept: { ...kept, run: again }, command, waves, seen }
}

/** What of a folder's settings says where its cluster's repository is: all else the scripts read there. */
const repositorySettings = ['git_url', 'git_ref', 'charts_registry'] as const

async function foldersOf(waves: readonly Wave[]): Promise<Record<string, Record<string, string>>> {
  const found: Record<string, Record<string, string>> = {}
  for (const { name, context, cluster = context } of waves.flatMap((wave) => wave.clusters)) {
    const settings = await readLocalSettings(cluster)
    if (settings !== undefined)
      found[name] = Object.fromEntries(repositorySettings.flatMap((key) => (settings[key] === undefined ? [] : [[key, settings[key]]])))
  }
  return found
}

async function imageOf({ redactor }: FleetTools, before: string | undefined): Promise<string> {
  const { settings } = await readSettings(redactor)
  const image = settings.FLEET_IMAGE ?? before
  if (image !== undefined) return image
  throw new OperatorError('which image do the Jobs run? FLEET_IMAGE is not set', {
    kind: 'usage',
    remedy: 'build the image of this version, and name it by digest in FLEET_IMAGE (.env.example, docs/fleet.md)',
  })
}

/** In a pod only the volume can be written, and it is the folder that a relative path is in. */
function verifyPortable(own: Readonly<Record<string, string | boolean | undefined>>, { folders = [] }: FleetCommand): void {
  const absolute = folders.find((flag) => String(own[flag] ?? '').startsWith('/'))
  if (absolute === undefined) return
  throw new OperatorError(`--${absolute} is a folder on the fleet's volume with the engine kubernetes: ${String(own[absolute])} is not`, {
    kind: 'usage',
    remedy: `--${absolute} captures`,
  })
}

async function verifyNoOther(
  management: Management,
  { file, command, name }: { readonly file: string; readonly command: FleetCommand; readonly name: string },
  { given, own }: RunCall,
): Promise<void> {
  if (given['dry-run'] === true || command.effectOf(own) === 'nothing') return
  const isSame = (run: FleetRun): boolean => run.file === file && run.command === name
  const last = await lastRunObject(management.cluster, management.namespace, isSame)
  if (last === undefined || (last.run.outcome !== undefined && last.run.outcome !== 'cancelled')) return
  const { is } = await conductorState(management, last)
  const isRunning = last.run.outcome === undefined && (is === 'running' || is === 'starting')
  if (isRunning) {
    throw new OperatorError(`the run ${last.runId} of this fleet is still running on ${management.context}. Nothing was started`, {
      kind: 'locked',
      remedy: scriptCall('fleet', ['status', last.runId, ...placeWords(last.run)]),
    })
  }
  if (given.fresh === true) return
  throw new OperatorError(`the run ${last.runId} of this fleet was interrupted. Nothing was started`, {
    kind: 'usage',
    remedy: `to resume it: ${resumeCommand(last, given)}\nto start over: --fresh`,
  })
}

interface LookedAt {
  readonly path: string
  readonly content: string
  readonly chosen: readonly string[]
  readonly effect: Effect
}

/** Everything that is wrong with FILE, the Secrets and the clusters, at once. */
async function look(
  { path, content, chosen, effect }: LookedAt,
  management: Management,
  { console, redactor }: FleetTools,
): Promise<{ readonly waves: readonly Wave[]; readonly seen: readonly SeenCluster[] }> {
  const { cluster, namespace, folder } = management
  const parsed = parseFleet(content)
  const waves = parsed.is === 'invalid' ? [] : chooseWaves(parsed.waves, chosen)
  const clusters = parsed.is === 'invalid' ? parsed.clusters : waves.flatMap((wave) => wave.clusters)
  const waiting = console.wait(`checking ${counted(clusters.length, 'cluster')}`)
  try {
    const secrets = new Map(await Promise.all(clusters.map(async (one) => [one.name, await readSecret(one, management)] as const)))
    const { seen, findings } = await checkKubeconfigs(clusters, {
      find: ({ name }) => secrets.get(name) ?? { problem: '' },
      folder: join(folder, 'kubeconfigs'),
      effect,
      knownBefore: await readKnownClusters(cluster, namespace),
      hide: redactor.hide,
      signal: cluster.signal,
    })
    const all = [...(parsed.is === 'invalid' ? parsed.findings : []), ...findings]
    if (all.length > 0) throw blockedBy({ path }, all)
    return { waves, seen }
  } finally {
    waiting.stop()
  }
}

const secretSchema = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) })

async function readSecret({ kubeconfigSecret: name }: FleetCluster, { cluster, namespace }: Management): Promise<FoundKubeconfig> {
  if (name === undefined) return { problem: 'it has no kubeconfigSecret, which the engine kubernetes needs' }
  const secret = await cluster.get({ ...kinds.secret, namespace, name }).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.status !== 403) throw error
    throw new OperatorError(`the Secret ${namespace}/${name} cannot be read: ${error.message}. Nothing was started`, {
      kind: 'blocked',
      remedy: `an administrator gives you the right to get Secrets in the namespace ${namespace}`,
    })
  })
  const value = secret === undefined ? undefined : v.parse(secretSchema, secret).data.value
  if (value !== undefined) return { content: Buffer.from(value, 'base64').toString() }
  return { problem: `there is no Secret ${namespace}/${name} with an entry "value"` }
}
