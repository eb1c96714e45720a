import { hostname } from 'node:os'
import { exitCodes, OperatorError } from '../../base/errors.ts'
import { scriptCall } from '../../base/shell-line.ts'
import { canAsk, choose } from '../../terminal/prompt.ts'
import type { FleetCall } from './fleet-syntax.ts'
import { findRun, type FleetRun, type KeptRun, fleetStateOf } from './fleet-run.ts'
import type { Effect, GivenFlags } from './fleet-commands.ts'
import { fleetNamespace } from './kubernetes/names.ts'

type RunCall = Extract<FleetCall, { is: 'run' }>

/**
 * The run that --resume means.
 * @throws OperatorError `usage` where there is none, or the words say something else than the run began with; `locked` where it is being run
 */
export function runToResume(runs: string, { name, given, own }: RunCall): KeptRun {
  const wanted = String(given.resume ?? '')
  const found = findRun(runs, wanted, ({ command }) => name === undefined || command === name)
  if (found === undefined) throw noRun(wanted, name)
  verifyLeft(found)
  verifyNotRunning(found)
  verifySameFlags(found, { own, given })
  return found
}

/** The usage error for a run to resume that there is not. */
export function noRun(wanted: string, command: string | undefined): OperatorError {
  const which =
    wanted === '' ? `there is no run of the fleet${command === undefined ? '' : ` with ${command}`}` : `there is no run ${wanted}`
  return new OperatorError(`${which} to resume`, { kind: 'usage', remedy: 'leave --resume out' })
}

/** Throws OperatorError `usage` where a run has finished. */
export function verifyLeft({ run, runId }: Pick<KeptRun, 'runId' | 'run'>): void {
  if (run.outcome !== 'done' && run.outcome !== 'unchanged') return
  throw new OperatorError(`the run ${runId} is ${run.outcome}: nothing is left to resume`, {
    kind: 'usage',
    remedy: 'leave --resume out',
  })
}

/** Throws OperatorError `usage` where a run is resumed with other flags of the command than it began with. */
export function verifySameFlags(found: Pick<KeptRun, 'runId' | 'run'>, { own, given }: Pick<RunCall, 'own' | 'given'>): void {
  const { run, runId } = found
  const others = Object.entries(own).filter(([flag, value]) => run.own[flag] !== value)
  if (others.length > 0) {
    const flags = others.map(([flag]) => `--${flag}`).join(', ')
    throw new OperatorError(`the run ${runId} began with another ${flags}: its clusters would end up different`, {
      kind: 'usage',
      remedy: `to resume it with its own flags: ${resumeCommand(found, given)}`,
    })
  }
}

function verifyNotRunning({ run, runId }: KeptRun): void {
  const state = fleetStateOf(run)
  if (state === 'running') {
    throw new OperatorError(`the run ${runId} is still being run by process ${run.pid}`, {
      kind: 'locked',
      remedy: scriptCall('fleet', ['status', runId]),
    })
  }
  if (state !== 'on another host') return
  throw new OperatorError(
    `the run ${runId} was started on ${run.host}, and this is ${hostname()}: it is not known here whether it still runs`,
    {
      kind: 'blocked',
      remedy: `on ${run.host}: ${scriptCall('fleet', ['--resume', runId])}`,
    },
  )
}

/**
 * Makes sure that a new run leaves none behind that was interrupted on the same clusters.
 * @returns the run to resume, where a person says so
 * @throws OperatorError `usage` where a job must say which
 */
export async function interruptedFleet(
  runs: string,
  { file, command, effect, given }: { file: string; command: string; effect: Effect; given: GivenFlags },
  again: (...flags: readonly string[]) => string,
): Promise<KeptRun | undefined> {
  if (effect === 'nothing' || given.fresh === true || given['dry-run'] === true) return undefined
  const last = findRun(runs, '', (run) => run.engine === 'local' && run.file === file && run.command === command)
  if (last === undefined || !isInterrupted(last.run)) return undefined
  const what = `the run ${last.runId} of this fleet was interrupted`
  if (!canAsk()) {
    throw new OperatorError(`${what}. Nothing was started`, {
      kind: 'usage',
      remedy: `to resume it: ${resumeCommand(last, given)}\nto start over: ${again('--fresh')}`,
    })
  }
  const answer = await choose(`${what}. What now?`, [
    { name: 'resume', message: 'Resume it' },
    { name: 'fresh', message: 'Start from the beginning' },
    { name: 'stop', message: 'Stop here' },
  ])
  if (answer === 'fresh') return undefined
  if (answer === 'resume') return last
  throw new OperatorError('stopped; nothing was started', { kind: 'cancelled', remedy: `to resume it: ${resumeCommand(last, given)}` })
}

function isInterrupted(run: FleetRun): boolean {
  return run.outcome === 'cancelled' || fleetStateOf(run) === 'interrupted'
}

/** The command that resumes a run, with the consent that was given to it. */
export function resumeCommand({ runId, run }: Pick<KeptRun, 'runId' | 'run'>, given: GivenFlags): string {
  return scriptCall('fleet', [
    '--resume',
    runId,
    ...(run.shared.lab === true ? ['--lab'] : []),
    ...placeWords(run),
    ...(given.yes === true || run.kubernetes?.consent.changes === true ? ['--yes'] : []),
    ...(typeof given.destroy === 'string' ? [`--destroy=${given.destroy}`] : []),
  ])
}

/** The flags that name the management cluster of a run that has one. */
export function placeWords({ kubernetes }: Pick<FleetRun, 'kubernetes'>): string[] {
  if (kubernetes === undefined) return []
  const { context, namespace } = kubernetes
  return ['--on', context, ...(namespace === fleetNamespace ? [] : ['--namespace', namespace])]
}

/** The exit code of a run that was kept with this outcome; null while it has none. */
export function exitCodeOf({ outcome }: Pick<FleetRun, 'outcome'>): number | null {
  if (outcome === undefined) return null
  if (outcome === 'failed' || outcome === 'cancelled' || outcome === 'blocked') return exitCodes[outcome]
  return exitCodes.done
}
