import { OperatorError } from '../../../base/errors.ts'
import type { Redactor } from '../../../base/redactor.ts'
import type { Console } from '../../../terminal/console.ts'
import { fleetHome, type KeptRun, type fleetStateOf } from '../fleet-run.ts'
import type { FleetCall } from '../fleet-syntax.ts'
import { join } from 'node:path'
import { conductorState } from './follow-run.ts'
import { openManagement } from './management.ts'
import type { Place } from './place.ts'
import { lastRunObject, readRunObject } from './run-object.ts'

/** A run, and how it is. */
export interface FoundRun {
  readonly kept: KeptRun
  readonly content: string
  readonly state: ReturnType<typeof fleetStateOf>
}

/**
 * The run that is meant, as its management cluster has it.
 * @throws OperatorError `usage` where there is none
 */
export async function findRunElsewhere(
  { run: wanted, given }: Extract<FleetCall, { is: 'status' }>,
  place: Place,
  runs: string,
  { console, redactor }: { readonly console: Console; readonly redactor: Redactor },
): Promise<FoundRun> {
  const kubeconfig = typeof given.kubeconfig === 'string' ? given.kubeconfig : undefined
  const { signal } = new AbortController()
  const management = await openManagement({ ...place, kubeconfig }, { console, redactor, signal })
  try {
    const { cluster, namespace, context } = management
    const found = wanted === '' ? await lastRunObject(cluster, namespace, () => true) : await readRunObject(cluster, namespace, wanted)
    if (found === undefined) {
      throw new OperatorError(
        wanted === ''
          ? `fleet has never run in the namespace ${namespace} of ${context}`
          : `there is no run ${wanted} of a fleet on ${context}`,
        { kind: 'usage', remedy: `kubectl --context ${context} --namespace ${namespace} get configmaps --selector flux-runbook/run` },
      )
    }
    const { runId, run, content } = found
    const { is } = await conductorState(management, found)
    const isRunning = is === 'running' || is === 'starting'
    const state = run.outcome !== undefined ? 'ended' : isRunning ? 'running' : 'interrupted'
    return { kept: { runId, run, folder: join(fleetHome(runs), runId) }, content, state }
  } finally {
    await management.close()
  }
}
