import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { showDuration } from '../../base/duration.ts'
import { exitCodes, OperatorError } from '../../base/errors.ts'
import { printable } from '../../base/shell-line.ts'
import type { Console } from '../../terminal/console.ts'
import { exitCodeOf, resumeCommand } from './choose-run.ts'
import { resultsOf } from './cluster-results.ts'
import { countOutcomes, type FleetDocument, printDocument } from './fleet-document.ts'
import { parseFleet } from './fleet-file.ts'
import { fleetHome, findRun, type KeptRun, fleetStateOf } from './fleet-run.ts'
import type { FleetCall } from './fleet-syntax.ts'

/**
 * Shows how far a run of the fleet has come. Changes nothing. Returns exit code 0, whatever the run came to.
 * @throws OperatorError `usage` where there is no such run
 */
export function showFleetStatus(
  runs: string,
  { run: wanted, given }: Extract<FleetCall, { is: 'status' }>,
  { console, clean }: { readonly console: Console; readonly clean: (text: string) => string },
): number {
  const kept = findRun(runs, wanted)
  if (kept === undefined) {
    throw new OperatorError(wanted === '' ? 'no fleet was ever run from here' : `there is no run ${wanted} of a fleet`, {
      kind: 'usage',
      remedy: printable(['ls', fleetHome(runs)]),
    })
  }
  const document = statusDocument(kept)
  const state = fleetStateOf(kept.run)
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
  if (given.json === true) printDocument(document, clean)
  return exitCodes.done
}

/** The document of a run as far as it has come. */
function statusDocument({ runId, run, folder }: KeptRun): FleetDocument {
  const parsed = parseFleet(readFileSync(join(folder, 'fleet.yaml'), 'utf8'))
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
