import { clusterState } from '../cluster-results.ts'
import type { Wave } from '../fleet-file.ts'
import type { FleetRun } from '../fleet-run.ts'
import type { WavesResult } from '../schedule.ts'

/** How the waves of a run ended that has an outcome. */
export function resultOf({ outcome, clusters }: Pick<FleetRun, 'outcome' | 'clusters'>, waves: readonly Wave[]): WavesResult {
  if (outcome === 'cancelled') return { is: 'stopped' }
  if (outcome !== 'failed') return { is: 'done' }
  for (const wave of waves) {
    const failures = wave.clusters.filter(({ name }) => clusterState(clusters[name]) === 'failed').length
    if (failures > wave.maxFailures) return { is: 'too-many-failures', wave, failures }
  }
  return { is: 'stopped' }
}
