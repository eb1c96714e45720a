import type { GivenFlags } from '../fleet-commands.ts'
import { findRun } from '../fleet-run.ts'
import { fleetNamespace } from './names.ts'

/** Where a run's Jobs are. */
export interface Place {
  /** The kubeconfig context of the management cluster. */
  readonly context: string
  readonly namespace: string
}

/**
 * Where the engine kubernetes is asked to work: as the flags say, else where the run is of which this machine has a copy. Undefined where the
 * engine is local.
 * @param wanted the run that is meant; empty for the last, undefined for a new one
 */
export function placeFor(runs: string, { on, namespace }: GivenFlags, wanted: string | undefined): Place | undefined {
  const named = typeof namespace === 'string' ? namespace : fleetNamespace
  if (typeof on === 'string') return { context: on, namespace: named }
  const kept = wanted === undefined ? undefined : findRun(runs, wanted)?.run.kubernetes
  return kept === undefined ? undefined : { context: kept.context, namespace: kept.namespace }
}
