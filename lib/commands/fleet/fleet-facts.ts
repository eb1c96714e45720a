import { showDuration } from '../../base/duration.ts'
import type { ClusterResult } from './cluster-results.ts'
import { countOutcomes, type FleetDocument } from './fleet-document.ts'

/** A cluster that failed, or was not begun, and why. */
export interface ClusterTrouble {
  readonly wave: string
  readonly name: string
  readonly outcome: string
  readonly why: string
  readonly next: string
}

/** What the reports show beside the clusters themselves. */
export interface FleetFacts {
  readonly verdict: string
  readonly succeeded: boolean
  /** Rows of name and value. */
  readonly head: readonly (readonly [string, string])[]
  /** Version, outcome and how many, the most first. */
  readonly byVersion: readonly { readonly version: string; readonly outcome: string; readonly names: readonly string[] }[]
  readonly slowest: readonly { readonly name: string; readonly wave: string; readonly tookMs: number }[]
  readonly troubles: readonly ClusterTrouble[]
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
    byVersion: groupsOf(all),
    slowest: all
      .flatMap(({ name, wave, durationMs }) => (durationMs === null ? [] : [{ name, wave, tookMs: durationMs }]))
      .sort((one, other) => other.tookMs - one.tookMs)
      .slice(0, slowestShown),
    troubles: all.flatMap((cluster) => (succeeded(cluster) ? [] : [troubleOf(cluster)])),
  }
}

function succeeded({ exitCode }: ClusterResult): boolean {
  return exitCode === 0
}

function troubleOf({ wave, name, outcome, error }: ClusterResult & { readonly wave: string }): ClusterTrouble {
  return { wave, name, outcome, why: error?.message ?? '', next: error?.remedy ?? '' }
}

function groupsOf(clusters: readonly ClusterResult[]): FleetFacts['byVersion'] {
  const groups = new Map<string, { version: string; outcome: string; names: string[] }>()
  for (const { name, outcome, version = '' } of clusters) {
    const key = `${version} ${outcome}`
    const group = groups.get(key) ?? { version, outcome, names: [] }
    group.names.push(name)
    groups.set(key, group)
  }
  return [...groups.values()].sort((one, other) => other.names.length - one.names.length)
}
