import { showDuration } from '../../base/duration.ts'
import type { ClusterResult } from './cluster-results.ts'
import { countOutcomes, type FleetDocument } from './fleet-document.ts'

/** What the reports show beside the clusters themselves. */
export interface FleetFacts {
  readonly verdict: string
  readonly succeeded: boolean
  /** Rows of name and value. */
  readonly head: readonly (readonly [string, string])[]
  readonly byVersion: FactTable
  readonly troubles: FactTable
  readonly slowest: FactTable
}

/** A part of the report. One without rows has nothing to show. */
export interface FactTable {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const slowestShown = 10

/** Reads the reports' facts out of a run's document. */
export function factsOf(document: FleetDocument): FleetFacts {
  const { waves, startedAt, finishedAt, operator, runId = '', file = '', digest = '', exitCode } = document
  const all = waves.flatMap(({ name: wave, clusters }) => clusters.map((cluster) => ({ wave, ...cluster })))
  const took = finishedAt === null ? '' : `, after ${showDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`
  return {
    verdict: countOutcomes(waves),
    succeeded: exitCode === 0,
    head: [
      ['who', operator],
      ['fleet', `${file} (${digest})`],
      ['run', runId],
      ['began', startedAt],
      ['ended', finishedAt === null ? 'not yet' : `${finishedAt}${took}`],
      ['outcome', `${document.outcome ?? 'not known yet'}, exit code ${exitCode ?? 'not known yet'}`],
    ],
    byVersion: {
      title: 'Clusters by outcome and version',
      columns: ['Flux', 'outcome', 'clusters', ''],
      rows: groupsOf(all).map(({ version, outcome, names }) => [version, outcome, String(names.length), names.join(', ')]),
    },
    troubles: {
      title: 'What failed, and why',
      columns: ['wave', 'cluster', 'outcome', 'why', 'next'],
      rows: all
        .filter((cluster) => !succeeded(cluster))
        .map(({ wave, name, outcome, error }) => [wave, name, outcome, error?.message ?? '', error?.remedy ?? '']),
    },
    slowest: {
      title: 'The slowest',
      columns: ['cluster', 'wave', 'took'],
      rows: all
        .flatMap(({ name, wave, durationMs }) => (durationMs === null ? [] : [{ name, wave, durationMs }]))
        .sort((one, other) => other.durationMs - one.durationMs)
        .slice(0, slowestShown)
        .map(({ name, wave, durationMs }) => [name, wave, showDuration(durationMs)]),
    },
  }
}

function succeeded({ exitCode }: ClusterResult): boolean {
  return exitCode === 0
}

/** Version, outcome and the clusters' names, the most first. */
function groupsOf(
  clusters: readonly ClusterResult[],
): readonly { readonly version: string; readonly outcome: string; readonly names: readonly string[] }[] {
  const groups = new Map<string, { version: string; outcome: string; names: string[] }>()
  for (const { name, outcome, version = '' } of clusters) {
    const key = `${version} ${outcome}`
    const group = groups.get(key) ?? { version, outcome, names: [] }
    group.names.push(name)
    groups.set(key, group)
  }
  return [...groups.values()].sort((one, other) => other.names.length - one.names.length)
}
