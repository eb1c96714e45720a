import { resultsOf, clusterState } from './cluster-results.ts'
import type { Wave } from './fleet-file.ts'
import type { ClusterRecord, FleetRun } from './fleet-run.ts'
import type { FleetRow, FleetView } from './fleet-table.ts'

/**
 * The fleet as the table shows it.
 * @param steps what each running cluster works on
 */
export function viewOf(
  run: Pick<FleetRun, 'command' | 'clusters'>,
  waves: readonly Wave[],
  steps: ReadonlyMap<string, string>,
  { elapsedMs, note, now = Date.now() }: { readonly elapsedMs: number; readonly note: string; readonly now?: number },
): FleetView {
  const rows = resultsOf(run, waves).flatMap(({ name: wave, clusters }) =>
    clusters.map(({ name, outcome, error, durationMs }): FleetRow => {
      const record = run.clusters[name]
      if (record !== undefined && (record.process ?? record.pod) !== undefined)
        return { wave, name, state: 'running', ...work(record, steps.get(name), now) }
      if (record?.end === undefined) {
        return { wave, name, state: 'waiting', what: outcome === 'interrupted' ? 'interrupted' : 'waiting', elapsedMs: undefined }
      }
      const what = error === undefined ? outcome : `${outcome}: ${error.message}`
      return { wave, name, state: clusterState(record) === 'done' ? 'done' : 'failed', what, elapsedMs: durationMs ?? undefined }
    }),
  )
  return { title: run.command, rows, elapsedMs, note }
}

/** What happens in a cluster that runs, and for how long. */
function work({ end, spans }: ClusterRecord, step: string | undefined, now: number): Pick<FleetRow, 'what' | 'elapsedMs'> {
  if (end !== undefined) return { what: `health after the soak${step === undefined ? '' : `: ${step}`}`, elapsedMs: undefined }
  return { what: step ?? 'starting', elapsedMs: Math.max(0, now - Date.parse(spans.at(-1)?.startedAt ?? '')) }
}
