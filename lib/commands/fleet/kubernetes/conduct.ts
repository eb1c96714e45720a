import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodes, messageOf, OperatorError } from '../../../base/errors.ts'
import { stateHome } from '../../../base/paths.ts'
import { createRedactor, type Redactor } from '../../../base/redactor.ts'
import { putFile } from '../../../base/write-atomic.ts'
import { parseDuration } from '../../../base/duration.ts'
import { readSettings } from '../../../connection/settings.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { type Console, createConsole } from '../../../terminal/console.ts'
import { exitCodeOf } from '../choose-run.ts'
import { concludeFleet, documentOf } from '../conclude-fleet.ts'
import type { FleetCluster, Wave } from '../fleet-file.ts'
import { parseFleet } from '../fleet-file.ts'
import type { FleetCommands } from '../fleet-commands.ts'
import { openFleetLog } from '../fleet-log.ts'
import { warningsOf } from '../fleet-preflight.ts'
import { openProgress } from '../fleet-progress.ts'
import { type FleetRun, makeRunFolder } from '../fleet-run.ts'
import { blockedBy, chooseWaves } from '../open-fleet.ts'
import { commandNamed, effectOf } from '../prepare-fleet.ts'
import { carryOutWaves } from './carry-out-waves.ts'
import { readKnownClusters, recordClusters } from './known-clusters.ts'
import { type FoundKubeconfig, checkKubeconfigs } from './kubeconfigs.ts'
import { openInCluster, pathInPod, variableOf } from './places.ts'
import { keepIn, readRunObject, type RunKeeper, type RunObject } from './run-object.ts'

/**
 * Carries a run of the fleet out, in the pod of its Job: the same schedule as in a terminal. One that takes the place of a conductor that was
 * killed continues where that was.
 */
export async function conduct(runId: string, commands: FleetCommands): Promise<number> {
  const redactor = createRedactor()
  const log = openFleetLog(redactor.clean)
  const console = createConsole({ clean: redactor.clean, log: log.line })
  const stopped = new AbortController()
  // Asked to go it goes at once: what it has done is in the run's ConfigMap, and the clusters' own pods continue.
  process.on('SIGTERM', () => process.exit(128 + 15))
  try {
    await readSettings(redactor)
    const patience = { milliseconds: patienceMs, trouble: (text: string) => console.warning(`waiting: ${text}`), over: () => undefined }
    const { cluster, namespace } = openInCluster(patience, stopped.signal)
    const kept = await readRunObject(cluster, namespace, runId)
    if (kept === undefined) throw new OperatorError(`there is no run ${runId} of a fleet in the namespace ${namespace}`)
    const ended = exitCodeOf(kept.run)
    if (ended !== null) return ended // it was killed between its last word and its end
    const folder = makeRunFolder(stateHome(), runId)
    log.keepIn(join(folder, 'log.txt'))
    putFile(join(folder, 'fleet.yaml'), kept.content)
    return await conductRun(kept, { commands, cluster, namespace, folder, redactor, console, log: log.line, signal: stopped.signal })
  } catch (error) {
    console.failure(messageOf(error))
    return error instanceof OperatorError ? exitCodes[error.kind] : crashed
  } finally {
    stopped.abort()
  }
}

/** How long the API of the management cluster is waited for: an upgrade of it may take a while. */
const patienceMs = parseDuration('30m') ?? 0
/** No exit code of a run's own: another conductor takes its place. */
const crashed = 70

interface Conductor {
  readonly commands: FleetCommands
  readonly cluster: Cluster
  readonly namespace: string
  readonly folder: string
  readonly redactor: Redactor
  readonly console: Console
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

async function conductRun(kept: RunObject, conductor: Conductor): Promise<number> {
  const { run, runId, content } = kept
  const { cluster, namespace, folder, redactor, console, log } = conductor
  const keeper = keepIn(cluster, namespace, kept)
  const waves = wavesOf(run, content)
  const isBegun = run.kubernetes?.jobs.some(({ isOver }) => !isOver) === true
  const refused = isBegun ? undefined : await preflight(waves, run, conductor)
  if (refused !== undefined) return refuse(refused, run, keeper, console)
  const owner = { name: variableOf('FLEET_JOB_NAME'), uid: variableOf('FLEET_JOB_UID') }
  const objects = { namespace, runId, image: run.kubernetes?.image ?? '' }
  const progress = (view: Parameters<typeof openProgress>[0]['view']) => openProgress({ console, log, view })
  const result = await carryOutWaves({ cluster, objects, owner, run, keeper, waves, progress })
  const ending = { is: 'ended', kept: { runId, folder, run }, waves, result } as const
  const origin = { command: run.command, engine: run.engine, startedAt: run.startedAt, operator: run.operator }
  const document = documentOf(ending, origin, {}, new Date().toISOString())
  const exitCode = concludeFleet(ending, document, { console, clean: redactor.clean, isJson: false })
  run.outcome = document.outcome ?? 'failed'
  run.finishedAt = document.finishedAt ?? ''
  await keeper.kept()
  return exitCode
}

function wavesOf(run: FleetRun, content: string): readonly Wave[] {
  const parsed = parseFleet(content)
  if (parsed.is === 'valid') return chooseWaves(parsed.waves, run.waves)
  throw blockedBy({ path: run.file }, parsed.findings)
}

/** Checks every cluster from here, where the clusters' own pods will be. */
async function preflight(
  waves: readonly Wave[],
  run: FleetRun,
  { commands, cluster, namespace, redactor, console, signal }: Conductor,
): Promise<OperatorError | undefined> {
  const clusters = waves.flatMap((wave) => wave.clusters)
  const { seen, findings } = await checkKubeconfigs(clusters, {
    find: (one) => mounted(one, namespace),
    folder: join(tmpdir(), 'looks'),
    effect: effectOf({ ...run, command: commandNamed(run.command, commands) }),
    knownBefore: await readKnownClusters(cluster, namespace),
    hide: redactor.hide,
    signal,
  })
  if (findings.length > 0) return blockedBy({ path: run.file }, findings)
  for (const warning of warningsOf(seen)) console.warning(warning)
  await recordClusters(cluster, namespace, seen)
  return undefined
}

function mounted({ name, kubeconfigSecret = '' }: FleetCluster, namespace: string): FoundKubeconfig {
  const file = join(pathInPod('kubeconfigs'), name)
  if (existsSync(file)) return { content: readFileSync(file, 'utf8') }
  return { problem: `there is no Secret ${namespace}/${kubeconfigSecret} with an entry "value"` }
}

async function refuse(failure: OperatorError, run: FleetRun, keeper: RunKeeper, console: Console): Promise<number> {
  const { message, remedy, kind } = failure
  console.failure(message)
  run.outcome = kind
  run.finishedAt = new Date().toISOString()
  run.error = { message, ...(remedy === undefined ? {} : { remedy }) }
  await keeper.kept()
  return exitCodes[kind]
}
