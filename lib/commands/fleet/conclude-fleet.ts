import { join } from 'node:path'
import { showDuration } from '../../base/duration.ts'
import { exitCodes, type FailureKind, messageOf, OperatorError } from '../../base/errors.ts'
import { putFile } from '../../base/write-atomic.ts'
import { showJson } from '../../runner/report.ts'
import type { Console } from '../../terminal/console.ts'
import { scriptCall } from '../../base/shell-line.ts'
import { placeWords, resumeCommand } from './choose-run.ts'
import { resultsOf, type WaveResult } from './cluster-results.ts'
import type { GivenFlags } from './fleet-commands.ts'
import { countOutcomes, type FleetDocument, printDocument } from './fleet-document.ts'
import type { Wave } from './fleet-file.ts'
import { drawFleetPage } from './fleet-page.ts'
import { describeFleet } from './fleet-report.ts'
import { type KeptRun, keepRun } from './fleet-run.ts'
import type { WavesResult } from './schedule.ts'

/** How a run of the fleet ended: nothing was started, only planned, or carried out. */
export type FleetEnding =
  | { readonly is: 'refused'; readonly failure: OperatorError }
  | { readonly is: 'planned'; readonly waves: readonly Wave[]; readonly file: string; readonly digest: string }
  /** It continues where its Jobs are. */
  | { readonly is: 'detached'; readonly kept: KeptRun; readonly waves: readonly Wave[] }
  | { readonly is: 'ended'; readonly kept: KeptRun; readonly waves: readonly Wave[]; readonly result: WavesResult }

/** What identifies the run, whatever it came to. */
export interface FleetOrigin {
  readonly command: string
  readonly startedAt: string
  readonly operator: string
  /** local unless given. */
  readonly engine?: FleetDocument['engine']
}

/** The document of how it ended. */
export function documentOf(ending: FleetEnding, origin: FleetOrigin, given: GivenFlags, finishedAt: string): FleetDocument {
  const { command, operator, engine = 'local' } = origin
  const common = { schemaVersion: 1, script: 'fleet', command, engine, operator } as const
  const times = { startedAt: origin.startedAt, finishedAt }
  if (ending.is === 'refused') {
    const { kind } = ending.failure
    // A missing consent has no outcome of its own: nothing was started, exit code 2.
    return {
      ...common,
      ...times,
      outcome: kind === 'usage' ? 'blocked' : kind,
      exitCode: exitCodes[kind],
      waves: [],
      error: errorOf(ending.failure),
    }
  }
  if (ending.is === 'planned') {
    const { waves, file, digest } = ending
    return { ...common, file, digest, ...times, outcome: 'planned', exitCode: exitCodes.done, waves: resultsOf({ clusters: {} }, waves) }
  }
  const { kept, waves } = ending
  const results = resultsOf(kept.run, waves)
  const { runId, run } = kept
  const known = { ...common, operator: run.operator, runId, file: run.file, digest: run.digest, startedAt: run.startedAt, waves: results }
  if (ending.is === 'detached') return { ...known, finishedAt: null, outcome: null, exitCode: null }
  const { result } = ending
  const failure = failureOf(result, kept, results, given)
  return {
    ...known,
    finishedAt,
    outcome: failure?.kind ?? (allUnchanged(results) ? 'unchanged' : 'done'),
    exitCode: failure === undefined ? exitCodes.done : exitCodes[failure.kind],
    ...(failure === undefined ? {} : { error: errorOf(failure) }),
  }
}

function failureOf(result: WavesResult, kept: KeptRun, results: readonly WaveResult[], given: GivenFlags): OperatorError | undefined {
  if (result.is === 'done') return undefined
  const kind: FailureKind = result.is === 'stopped' ? 'cancelled' : 'failed'
  const remedy = `to resume it: ${resumeCommand(kept, given)}`
  if (result.is === 'stopped') return new OperatorError(`stopped: ${countOutcomes(results)}`, { kind, remedy })
  const { wave, failures } = result
  const what = `${failures} of ${wave.clusters.length} clusters of the wave ${wave.name} failed, more than its maxFailures, ${wave.maxFailures}: no further cluster was started`
  return new OperatorError(`${what}; ${countOutcomes(results)}`, { kind, remedy: `once the cause is fixed, ${remedy}` })
}

function errorOf({ message, remedy }: OperatorError): NonNullable<FleetDocument['error']> {
  return { message, ...(remedy === undefined ? {} : { remedy }) }
}

function allUnchanged(results: readonly WaveResult[]): boolean {
  return results.every(({ clusters }) => clusters.every(({ outcome }) => outcome === 'unchanged'))
}

interface Conclusion {
  readonly console: Console
  readonly clean: (text: string) => string
  readonly isJson: boolean
}

/** Writes the reports, and says how it ended: on the console, and on stdout where a document was asked for. Returns the exit code. */
export function concludeFleet(ending: FleetEnding, document: FleetDocument, { console, clean, isJson }: Conclusion): number {
  if (ending.is === 'ended') keepReports(ending.kept, document, { console, clean })
  if (ending.is === 'ended') showResults(document, ending.kept, console)
  const { error, outcome, command, startedAt, finishedAt, exitCode } = document
  if (ending.is === 'detached') {
    const call = scriptCall('fleet', ['status', ending.kept.runId, ...placeWords(ending.kept.run)])
    console.answer.success(`fleet ${command}: the run ${ending.kept.runId} continues without this terminal`)
    console.answer.line(`  → ${call}`)
  } else if (error === undefined) {
    const what = outcome === 'planned' ? 'planned only, nothing was started' : countOutcomes(document.waves)
    const took = showDuration(Date.parse(finishedAt ?? startedAt) - Date.parse(startedAt))
    console.answer.success(`fleet ${command}: ${what} (${took})`)
  } else {
    console.failure(error.message)
    for (const line of error.remedy?.split('\n') ?? []) console.line(`  → ${line.trim()}`)
  }
  if (isJson) printDocument(document, clean)
  return ending.is === 'detached' ? exitCodes.done : (exitCode ?? exitCodes.failed)
}

function keepReports({ runId, folder, run }: KeptRun, document: FleetDocument, { console, clean }: Omit<Conclusion, 'isJson'>): void {
  const { outcome, finishedAt } = document
  const files = {
    'report.json': showJson(document),
    'report.md': describeFleet(document),
    'report.html': drawFleetPage(document),
  }
  const writes = [
    ...Object.entries(files).map(
      ([name, content]) =>
        () =>
          putFile(join(folder, name), clean(content)),
    ),
    () => keepRun({ folder, run: { ...run, outcome: outcome ?? 'failed', finishedAt: finishedAt ?? '' } }),
  ]
  for (const write of writes) {
    try {
      write()
    } catch (error) {
      console.warning(`${runId}: ${messageOf(error)}`)
    }
  }
  console.faint(`report: ${join(folder, 'report.md')}`)
}

/** With more clusters than these, those that succeeded are only counted. */
const longestList = 30

/** One line for each cluster. */
function showResults({ waves }: FleetDocument, { folder, runId, run }: KeptRun, { answer }: Console): void {
  const logs = run.engine === 'local' ? join(folder, 'clusters') : `on the fleet's volume, +fleet/${runId}/clusters`
  const all = waves.flatMap(({ name: wave, clusters }) => clusters.map((cluster) => ({ wave, ...cluster })))
  answer.line()
  for (const { wave, name, outcome, exitCode, version, durationMs, error } of all) {
    const runs = version === undefined ? '' : `, Flux ${version}`
    const took = durationMs === null ? '' : ` (${showDuration(durationMs)})`
    if (exitCode === null) answer.line(`– ${wave}/${name}: ${outcome}`)
    else if (exitCode !== exitCodes.done) {
      answer.failure(`${wave}/${name}: ${outcome}${runs}${took}${error === undefined ? '' : `: ${error.message}`}`)
      if (error?.remedy !== undefined) answer.line(`  → ${error.remedy.replaceAll('\n', '\n  → ')}`)
      answer.faint(`  log: ${logs}/${name}.log`)
    } else if (all.length <= longestList) answer.success(`${wave}/${name}: ${outcome}${runs}${took}`)
  }
}
