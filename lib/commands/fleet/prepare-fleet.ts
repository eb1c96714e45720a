import { OperatorError } from '../../base/errors.ts'
import { ownAt } from '../../base/json-object.ts'
import type { Redactor } from '../../base/redactor.ts'
import { scriptCall } from '../../base/shell-line.ts'
import { newRunId } from '../../runner/run-journal.ts'
import type { Console } from '../../terminal/console.ts'
import { interruptedFleet, runToResume } from './choose-run.ts'
import { recordsToResume } from './cluster-results.ts'
import type { Effect, FleetCommand, FleetCommands, GivenFlags } from './fleet-commands.ts'
import type { Wave } from './fleet-file.ts'
import type { SeenCluster } from './fleet-preflight.ts'
import { type FleetRun, type KeptRun, makeRunFolder, ownProcess } from './fleet-run.ts'
import type { FleetCall } from './fleet-syntax.ts'
import { type FleetFile, keptFile, openFleet, readFleetFile, runsHome } from './open-fleet.ts'

/** Everything that is known of a run of the fleet before it begins. */
export interface PreparedFleet {
  readonly name: string
  readonly command: FleetCommand
  readonly file: FleetFile
  readonly own: FleetRun['own']
  /** What holds for every cluster. */
  readonly shared: FleetRun['shared']
  /** The run that is resumed. */
  readonly earlier: KeptRun | undefined
  readonly waves: readonly Wave[]
  readonly seen: readonly SeenCluster[]
  /** Where the runs of all contexts are kept. */
  readonly runs: string
}

interface Tools {
  readonly commands: FleetCommands
  readonly console: Console
  readonly redactor: Redactor
  readonly signal: AbortSignal
}

/**
 * Checks everything that could block the run. Nothing is written.
 * @param again the command that was typed, with these flags too
 * @throws OperatorError `usage` or `blocked`, with all findings
 */
export async function prepareFleet(
  call: Extract<FleetCall, { is: 'run' }>,
  { commands, ...tools }: Tools,
  again: (...flags: readonly string[]) => string,
): Promise<PreparedFleet> {
  const { given } = call
  const runs = await runsHome(given.lab === true)
  const asked = given.resume === undefined ? newFleet(call, commands) : resumedFleet(call, runToResume(runs, call), commands)
  const left =
    asked.earlier === undefined
      ? await interruptedFleet(runs, { file: asked.file.path, command: asked.name, effect: effectOf(asked), given }, again)
      : undefined
  const chosen = left === undefined ? asked : resumedFleet(call, left, commands)
  const opened = await openFleet(chosen.file, { chosen: chosen.chosen, shared: chosen.shared, runs, effect: effectOf(chosen) }, tools)
  return { ...chosen, ...opened, runs }
}

/** What the run does to its clusters. */
export function effectOf({ command, own, shared }: Pick<PreparedFleet, 'command' | 'own' | 'shared'>): Effect {
  return command.effectOf({ ...own, lab: shared.lab })
}

type FleetRequest = Omit<PreparedFleet, 'waves' | 'seen' | 'runs'> & { readonly chosen: readonly string[] }
type RunCall = Parameters<typeof prepareFleet>[0]

/** What is asked of a new run, FILE among it. Throws OperatorError `usage` where something is missing. */
export function newFleet({ name = '', given, own, shared }: RunCall, commands: FleetCommands): FleetRequest {
  const command = commandNamed(name, commands)
  const lack = command.lacks?.(own)
  if (lack !== undefined) throw new OperatorError(lack.what, { kind: 'usage', remedy: lack.remedy })
  const file = readFleetFile(String(given.fleet ?? ''))
  const chosen = typeof given.wave === 'string' ? given.wave.split(',') : []
  return { name, command, file, chosen, own: defined(own), shared: defined(shared), earlier: undefined }
}

/** A resumed run uses the copy of FILE that it has kept. */
function resumedFleet({ shared }: RunCall, earlier: KeptRun, commands: FleetCommands): FleetRequest {
  const { run } = earlier
  return {
    name: run.command,
    command: commandNamed(run.command, commands),
    file: keptFile(earlier),
    chosen: run.waves,
    own: run.own,
    shared: { ...run.shared, ...defined(shared) },
    earlier,
  }
}

/** The command of that name. Throws OperatorError `usage` where there is none. */
export function commandNamed(name: string, commands: FleetCommands): FleetCommand {
  const command = ownAt(commands, name)
  if (command !== undefined) return command
  throw new OperatorError(`fleet has no command ${name}`, { kind: 'usage', remedy: scriptCall('fleet', ['--help']) })
}

/** Without the flags that were not given. */
export function defined(flags: GivenFlags): Record<string, string | boolean> {
  return Object.fromEntries(Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** What the run remembers from now on: a new run, or the resumed one with what failed to be done again. */
export function runOf(
  prepared: PreparedFleet,
  { startedAt, operator }: { readonly startedAt: string; readonly operator: string },
): KeptRun {
  const { name, file, own, shared, earlier, waves, runs } = prepared
  if (earlier !== undefined) {
    const { outcome: _, finishedAt: __, ...run } = earlier.run
    return { ...earlier, run: { ...run, shared, ...ownProcess(), clusters: recordsToResume(run.clusters) } }
  }
  const runId = newRunId(`fleet-${name}`, new Date(startedAt))
  const run: FleetRun = {
    schemaVersion: 1,
    command: name,
    engine: 'local',
    file: file.path,
    digest: file.digest,
    waves: waves.map((wave) => wave.name),
    own,
    shared,
    operator,
    ...ownProcess(),
    startedAt,
    clusters: {},
    passed: {},
  }
  return { runId, folder: makeRunFolder(runs, runId), run }
}
