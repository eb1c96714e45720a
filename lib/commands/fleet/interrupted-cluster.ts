import { setTimeout as pause } from 'node:timers/promises'
import { startOf } from '../../process/process-start.ts'
import { findInterrupted } from '../../runner/run-store.ts'
import type { ClusterRecord } from './fleet-run.ts'

/** A script whose fleet was killed cancels its run, and is killed itself if that takes longer than seconds. */
const endsWithin = 20_000

/** Waits until the process that worked on a cluster for a fleet that was killed has ended. @returns whether it has */
export async function untilEnded(left: ClusterRecord['process']): Promise<boolean> {
  if (left === undefined) return true
  for (const deadline = Date.now() + endsWithin; startOf(left.pid) === left.started; await pause(100)) {
    if (Date.now() > deadline) return false
  }
  return true
}

/**
 * The run on a cluster that a fleet has begun and that can be resumed; undefined where there is none.
 * @param fleetRun the fleet's run: an older run on the cluster is not its own
 */
export function interruptedRun(
  runs: string,
  { context, command, fleetRun }: { readonly context: string; readonly command: string; readonly fleetRun: string },
): string | undefined {
  const left = findInterrupted(runs, context, command, '')
  return left !== undefined && beganAt(left.runId) >= beganAt(fleetRun) ? left.runId : undefined
}

/** The time in a run's name. */
function beganAt(runId: string): string {
  return runId.split('-')[0] ?? ''
}
