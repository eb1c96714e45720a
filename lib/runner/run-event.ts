import * as v from 'valibot'
import { hostname, userInfo } from 'node:os'
import { messageOf } from '../base/errors.ts'
import { instanceStateOf } from '../flux/instance.ts'
import { findInstance, usualNamespace } from '../flux/refs.ts'
import { type Cluster, fieldManager, isConflict } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/http.ts'
import { kinds, type KubeObject, parseObject, type Ref, refOf } from '../kubernetes/objects.ts'
import type { StepContext } from './step.ts'

const kind = { apiVersion: 'events.k8s.io/v1', kind: 'Event' } as const
const annotations = { run: 'flux-runbook/run', script: 'flux-runbook/script', from: 'flux-runbook/from', to: 'flux-runbook/to' } as const
/** What is said of a version where there is no Flux. */
export const noVersion = 'none'

/** The versions of Flux that a run leaves and goes to. */
export interface VersionChange {
  readonly from: string
  readonly to: string
}

/**
 * Leaves an Event of what this run is about to change: on the FluxInstance, or, where there is none, on the namespace of Flux. One that may not
 * be written stops nothing.
 * @param to the version that the run goes to, where it changes it
 * @param part tells the Events of one run apart
 */
export async function leaveEvent(
  run: Pick<StepContext, 'cluster' | 'id' | 'script' | 'console'>,
  to: string | undefined,
  part = '',
): Promise<VersionChange> {
  let from = noVersion
  try {
    const instance = await findInstance(run.cluster)
    if (instance !== undefined) from = instanceStateOf(instance).applied || noVersion
    await run.cluster.create(eventOf(run, instance, { from, to: to ?? from }, part))
  } catch (error) {
    if (!(error instanceof ApiError || error instanceof v.ValiError)) throw error // the run lost its lock, or was cancelled
    if (!isConflict(error)) run.console.warning(`no Event could be recorded for this run: ${messageOf(error)}`)
  }
  return { from, to: to ?? from }
}

/** The Events of one run: before its first change, and before it rolls back. */
export function runEvents(to: string | undefined): Record<'begins' | 'rollsBack', (run: StepContext) => Promise<void>> {
  let left: VersionChange | undefined
  return {
    async begins(run) {
      left = await leaveEvent(run, to)
    },
    async rollsBack(run) {
      await leaveEvent(run, left?.from, 'back')
    },
  }
}

/** The Event itself; events of what has no namespace live in `default`. */
export function eventOf(
  { id, script }: Pick<StepContext, 'id' | 'script'>,
  instance: KubeObject | undefined,
  { from, to }: VersionChange,
  part: string,
): KubeObject {
  const regarding: Ref & { uid?: string } =
    instance === undefined ? { ...kinds.namespace, name: usualNamespace } : { ...refOf(instance), uid: instance.metadata.uid ?? '' }
  const who = `${userInfo().username}@${hostname()}`
  return parseObject({
    ...kind,
    metadata: {
      name: `${fieldManager}.${id.toLowerCase()}${part === '' ? '' : `.${part}`}`,
      namespace: regarding.namespace ?? 'default',
      annotations: { [annotations.run]: id, [annotations.script]: script, [annotations.from]: from, [annotations.to]: to },
    },
    eventTime: new Date().toISOString().replace('Z', '000Z'), // MicroTime
    reportingController: fieldManager,
    reportingInstance: who.slice(0, 128),
    type: 'Normal',
    reason: 'Run',
    action: script,
    regarding,
    note: `${script}, run ${id} by ${who}: Flux ${from === to ? from : `${from} → ${to}`}`.slice(0, 1024),
  })
}

const eventSchema = v.object({
  metadata: v.object({ namespace: v.optional(v.string(), ''), annotations: v.optional(v.record(v.string(), v.string()), {}) }),
  eventTime: v.nullish(v.string()),
})
const listSchema = v.object({ items: v.nullable(v.array(eventSchema)) })

/**
 * When runs of these scripts began to change the version of Flux, in milliseconds, as far as their Events are still there.
 * @param namespace that of the FluxInstance: in any other, anyone may write an Event that looks like one of these
 */
export async function versionChanges(cluster: Cluster, namespace: string): Promise<readonly number[]> {
  const path = await cluster.collection({ apiVersion: 'v1', kind: 'Event' }, { fields: `reportingComponent=${fieldManager}` })
  const events = v.parse(listSchema, await cluster.read(`${path}&limit=500`)).items ?? []
  return events.flatMap(({ metadata, eventTime }) => {
    const at = metadata.namespace === namespace ? Date.parse(eventTime ?? '') : Number.NaN
    return Number.isNaN(at) || metadata.annotations[annotations.from] === metadata.annotations[annotations.to] ? [] : [at]
  })
}
