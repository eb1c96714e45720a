import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { showDuration } from '../../base/duration.ts'
import { exitCodes, OperatorError } from '../../base/errors.ts'
import { printable } from '../../base/shell-line.ts'
import type { Redactor } from '../../base/redactor.ts'
import type { Console } from '../../terminal/console.ts'
import { exitCodeOf, resumeCommand } from './choose-run.ts'
import { resultsOf } from './cluster-results.ts'
import { countOutcomes, type FleetDocument, printDocument } from './fleet-document.ts'
import { parseFleet } from './fleet-file.ts'
import { fleetHome, findRun, type KeptRun, fleetStateOf } from './fleet-run.ts'
import type { FleetCall } from './fleet-syntax.ts'
import { placeFor } from './kubernetes/place.ts'

type StatusCall = Extract<FleetCall, { is: 'status' }>

interface StatusTools {
  readonly console: Console
  readonly redactor: Redactor
}

/**
 * Shows how far a run of the fleet has come. Changes nothing. Returns exit code 0, whatever the run came to.
 * @throws OperatorError `usage` where there is no such run
 */
export async function fleetStatus(runs: string, call: StatusCall, tools: StatusTools): Promise<number> {
  const place = placeFor(runs, call.given, call.run)
  if (place !== undefined) {
    const found = await (await import('./kubernetes/find-run.ts')).findRunElsewhere(call, place, runs, tools)
    return showStatus(found.kept, found.content, found.state, call, tools)
  }
  const kept = findRun(runs, call.run)
  if (kept === undefined) {
    throw new OperatorError(call.run === '' ? 'fleet has never run from here' : `there is no run ${call.run} of a fleet`, {
      kind: 'usage',
      remedy: printable(['ls', fleetHome(runs)]),
    })
  }
  return showStatus(kept, readFileSync(join(kept.folder, 'fleet.yaml'), 'utf8'), fleetStateOf(kept.run), call, tools)
}

function showStatus(
  kept: KeptRun,
  content: string,
  state: ReturnType<typeof fleetStateOf>,
  { given }: StatusCall,
  { console, redactor }: StatusTools,
): number {
  const document = statusDocument(kept, content)
  const { answer } = console
  answer.line(
    `Fleet ${kept.run.command}, run ${kept.runId}: ${state === 'ended' ? document.outcome : state}; ${countOutcomes(document.waves)}`,
  )
  for (const { name: wave, clusters } of document.waves) {
    for (const { name, outcome, exitCode, version, durationMs, error } of clusters) {
      const isRunning = outcome === 'interrupted' && state === 'running'
      const text = `${wave}/${name}: ${isRunning ? 'running' : outcome}${version === undefined ? '' : `, Flux ${version}`}${durationMs === null || isRunning ? '' : ` (${showDuration(durationMs)})`}`
      if (exitCode === null) answer.line(`${isRunning ? '◎' : '–'} ${text}`)
      else if (exitCode === exitCodes.done) answer.success(text)
      else answer.failure(`${text}${error === undefined ? '' : `: ${error.message}`}`)
    }
  }
  if (state === 'interrupted' || document.outcome === 'failed' || document.outcome === 'cancelled') {
    answer.line(`  → to resume it: ${resumeCommand(kept, {})}`)
  }
  answer.faint(`  ${kept.folder}`)
  if (given.json === true) printDocument(document, redactor.clean)
  return exitCodes.done
}

/** The document of a run as far as it has come. */
function statusDocument({ runId, run }: KeptRun, content: string): FleetDocument {
  const parsed = parseFleet(content)
  const waves = parsed.is === 'valid' ? parsed.waves.filter(({ name }) => run.waves.includes(name)) : []
  return {
    schemaVersion: 1,
    script: 'fleet',
    command: run.command,
    engine: run.engine,
    runId,
    file: run.file,
    digest: run.digest,
    operator: run.operator,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt ?? null,
    outcome: run.outcome ?? null,
    exitCode: exitCodeOf(run),
    waves: resultsOf(run, waves),
  }
}
