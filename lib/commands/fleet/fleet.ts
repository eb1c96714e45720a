import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { ensureOwnFolder, forRuns } from '../../base/own-folder.ts'
import { createRedactor } from '../../base/redactor.ts'
import { flagWords, sameCall } from '../../base/shell-line.ts'
import { putFile } from '../../base/write-atomic.ts'
import { readSettings } from '../../connection/settings.ts'
import { createConsole } from '../../terminal/console.ts'
import { showHelp, showVersion } from '../../terminal/help.ts'
import { carryOut, type FleetWork } from './carry-out.ts'
import { clusterState } from './cluster-results.ts'
import { concludeFleet, documentOf, type FleetEnding, type FleetOrigin } from './conclude-fleet.ts'
import type { FleetCommands } from './fleet-commands.ts'
import { fleetConsent } from './fleet-consent.ts'
import { openFleetLog } from './fleet-log.ts'
import { showFleetPlan } from './fleet-plan.ts'
import { warningsOf } from './fleet-preflight.ts'
import { openProgress } from './fleet-progress.ts'
import { keepRun } from './fleet-run.ts'
import { fleetStatus } from './fleet-status.ts'
import { type FleetCall, parseFleetCall } from './fleet-syntax.ts'
import type { FleetTools } from './fleet-tools.ts'
import { type Place, placeFor } from './kubernetes/place.ts'
import { runsHome } from './open-fleet.ts'
import { effectOf, prepareFleet, runOf } from './prepare-fleet.ts'
import { listenForStops } from './stop-signals.ts'

type RunCall = Extract<FleetCall, { is: 'run' }>

/** Carries one command out on many clusters, in waves, from the words on the command line to the exit code. */
export async function fleet(commands: FleetCommands, args: readonly string[]): Promise<number> {
  const { clean, hide } = createRedactor()
  const isJson = args.includes('--json')
  const log = openFleetLog(clean)
  const console = createConsole({ clean, log: log.line, answers: isJson ? process.stderr : process.stdout })
  const origin = { command: args[0] ?? '', startedAt: new Date().toISOString(), operator: `${userInfo().username}@${hostname()}` }
  const conclude = (ending: FleetEnding, from: FleetOrigin, given: RunCall['given'] = {}): number =>
    concludeFleet(ending, documentOf(ending, from, given, new Date().toISOString()), { console, clean, isJson })
  let engine: NonNullable<FleetOrigin['engine']> = 'local'
  try {
    const call = parseFleetCall(commands, args)
    if (call.is === 'help') return showHelp(call.page)
    if (call.is === 'version') return await showVersion()
    if (call.is === 'work') return await (await import('./kubernetes/work.ts')).work(commands)
    if (call.is === 'conduct') return await (await import('./kubernetes/conduct.ts')).conduct(call.run, commands)
    const runs = await runsHome(call.given.lab === true)
    for (const warning of ensureOwnFolder(runs, forRuns, { isDryRun: call.given['dry-run'] === true })) console.warning(warning)
    const redactor = { clean, hide }
    if (call.is === 'status') return await fleetStatus(runs, call, { console, redactor })
    const tools = { commands, console, log, redactor, origin }
    const place = placeFor(runs, call.given, call.given.resume === undefined ? undefined : String(call.given.resume))
    engine = place === undefined ? 'local' : 'kubernetes'
    const { ending, command } = await (place === undefined ? runFleet(call, tools) : runElsewhere(call, place, runs, tools))
    return conclude(ending, { ...origin, command, engine }, call.given)
  } catch (thrown) {
    return conclude({ is: 'refused', failure: asFailure(thrown) }, { ...origin, engine })
  }
}

function asFailure(thrown: unknown): OperatorError {
  if (!(thrown instanceof OperatorError)) return new OperatorError(messageOf(thrown), { cause: thrown })
  if (thrown.kind !== 'cancelled' || thrown.remedy !== undefined) return thrown
  return new OperatorError('stopped; nothing was started', { kind: 'cancelled', cause: thrown })
}

type Ran = Promise<{ readonly ending: FleetEnding; readonly command: string }>

/** The engine kubernetes is loaded only where it is asked for. */
async function runElsewhere(call: RunCall, place: Place, runs: string, tools: FleetTools): Ran {
  const stops = listenForStops()
  try {
    return await (await import('./kubernetes/launch.ts')).fleetOnKubernetes(call, place, { ...tools, stops, runs })
  } finally {
    stops.forget()
  }
}

/** Looks, shows the plan, asks, and carries out. */
async function runFleet(call: RunCall, { commands, console, log, redactor, origin }: FleetTools): Ran {
  const { given } = call
  const again = (...flags: readonly string[]): string => sameCall('fleet', given, flags, call.name === undefined ? [] : [call.name])
  const stops = listenForStops()
  try {
    const { warnings } = await readSettings(redactor, { isLab: given.lab === true })
    for (const warning of warnings) console.warning(warning)
    const prepared = await prepareFleet(call, { commands, console, redactor, signal: stops.stop }, again)
    const { name, command, file, own, waves, seen, earlier } = prepared
    const clusters = waves.flatMap((wave) => wave.clusters)
    const isDryRun = given['dry-run'] === true
    const done = clusters.flatMap((cluster) => (clusterState(earlier?.run.clusters[cluster.name]) === 'done' ? [cluster.name] : []))
    const plan = { words: [name, ...flagWords(own)], file: file.path, digest: file.digest, waves, seen, done }
    showFleetPlan(isDryRun ? console.answer : console, plan)
    for (const warning of warningsOf(seen)) console.warning(warning)
    if (isDryRun) return { ending: { is: 'planned', waves, file: file.path, digest: file.digest }, command: name }
    const consent = await fleetConsent({ command: name, effect: effectOf(prepared), clusters, digest: file.digest, given, again, console })
    stops.stop.throwIfAborted()
    const kept = runOf(prepared, origin)
    putFile(join(kept.folder, 'fleet.yaml'), file.content)
    keepRun(kept)
    log.keepIn(join(kept.folder, 'log.txt'))
    const { runs } = prepared
    const progress: FleetWork['progress'] = (view) => openProgress({ console, log: log.line, view })
    const result = await carryOut({ kept, waves, command, consent, stops, runs, clean: redactor.clean, progress })
    return { ending: { is: 'ended', kept, waves, result }, command: name }
  } finally {
    stops.forget()
  }
}
