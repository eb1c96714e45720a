import * as v from 'valibot'
import { type Cluster, ignoreNotFound } from '../../../kubernetes/client.ts'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import type { Step } from '../../../runner/step.ts'
import { podsOf } from '../../../flux/components.ts'
import { recordTeardown, readTeardownState } from '../state.ts'
import { isReconcileDisabled, reconcileAnnotation } from '../../../flux/annotations.ts'
import { requestReconcile } from '../../../flux/reconcile-request.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'

const event = { apiVersion: 'v1', kind: 'Event' }

/**
 * Disables the FluxInstance's reconciliation, and waits until its operator has confirmed it. Who deletes one that is still reconciled has
 * Flux, every object of its kinds and its CRDs removed by the operator (flux-operator#423).
 */
export function ensureReconciliationDisabled(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'rest',
    title: "Disable the FluxInstance's reconciliation",
    risk: 'change',
    async check({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'done', detail: 'there is no FluxInstance' }
      if (!isReconcileDisabled(instance)) {
        const what = 'so that its operator does not touch what it installed'
        return {
          is: 'todo',
          change: `annotate FluxInstance ${namespace}/flux, ${what}`,
          commands: [`${command(namespace)}=disabled --overwrite`],
        }
      }
      if ((await podsOf(cluster, namespace, 'operator')).length === 0) return { is: 'done', detail: 'disabled; its operator does not run' }
      // Its operator lets go of one that is deleted, and says nothing; one that is cut off is stopped next.
      if (instance.metadata.deletionTimestamp !== undefined) return { is: 'done', detail: 'disabled, and being deleted' }
      if (await isHeard(cluster, instance)) return { is: 'done', detail: 'disabled: the operator does not reconcile it' }
      return { is: 'waiting', on: 'the operator to confirm that it does not reconcile the FluxInstance' }
    },
    async apply({ cluster, memory }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return
      const annotation = instance.metadata.annotations[reconcileAnnotation] ?? null
      recordTeardown(memory, { rested: { annotation, wasReady: readinessOf(instance).is === 'ready' } })
      await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } }).catch(ignoreNotFound)
    },
    // It says so of each request.
    nudge: ({ cluster }) => requestReconcile(cluster, ref).catch(ignoreNotFound),
    watches: [
      { kind: event, query: { namespace, fields: 'involvedObject.name=flux' } },
      { kind: fluxKinds.fluxInstance, query: { namespace } },
    ],
  }
}

/** The rollback: the annotation as it was, and the FluxInstance as Ready as it was. */
export function ensureReconciliationEnabled(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'awake',
    title: "Enable the FluxInstance's reconciliation again",
    risk: 'change',
    async check({ cluster, memory }) {
      const { rested } = readTeardownState(memory)
      if (rested === undefined) return { is: 'done', detail: 'its reconciliation was never disabled' }
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'done', detail: 'there is no FluxInstance' }
      if ((instance.metadata.annotations[reconcileAnnotation] ?? null) !== rested.annotation) {
        return { is: 'todo', change: 'restore its annotation', commands: [`${command(namespace)}-`] }
      }
      const readiness = readinessOf(instance)
      if (readiness.is !== 'ready' && !rested.wasReady) return { is: 'done', detail: 'as it was' }
      return stepStatusOf(
        readiness,
        `kubectl --namespace ${namespace} describe fluxinstance flux`,
        'its annotation is as it was, and it is Ready',
      )
    },
    async apply({ cluster, memory }) {
      const { rested } = readTeardownState(memory)
      await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: rested?.annotation ?? null } } })
    },
    watches: [{ kind: fluxKinds.fluxInstance, query: { namespace } }],
  }
}

function command(namespace: string): string {
  return `kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}`
}

/**
 * The operator says it by an Event alone: the conditions of an instance that was reconciled before stay as they are (flux-operator
 * internal/controller/fluxinstance_controller.go). The Event's own times are of the operator's clock, which may be seconds from the
 * server's: only what the server has noted is compared. Events last an hour; an annotation older than that was heard long ago.
 */
async function isHeard(cluster: Cluster, instance: KubeObject): Promise<boolean> {
  const since = disabledAt(instance)
  if (cluster.endpoint.now() - since > 50 * 60_000) return true
  const fields = 'involvedObject.kind=FluxInstance,involvedObject.name=flux,reason=ReconciliationDisabled'
  const { namespace = '' } = instance.metadata
  const said = await cluster.list(event, { namespace, fields })
  return said.some((one) => writtenAt(one) >= since)
}

/** When an object was written last, by the server's clock. */
function writtenAt({ metadata: { creationTimestamp, managedFields } }: KubeObject): number {
  return latest([creationTimestamp ?? '', ...managedFields.map(({ time }) => (typeof time === 'string' ? time : ''))])
}

function latest(times: readonly string[]): number {
  return Math.max(0, ...times.map((time) => Date.parse(time)).filter((time) => !Number.isNaN(time)))
}

const managedSchema = v.object({
  time: v.optional(v.string(), ''),
  fieldsV1: v.object({ 'f:metadata': v.object({ 'f:annotations': v.record(v.string(), v.unknown()) }) }),
})

/** When the annotation was set, to the second; long ago where nobody is on record for it. */
function disabledAt({ metadata: { managedFields } }: KubeObject): number {
  const times = managedFields.flatMap((entry) => {
    const read = v.safeParse(managedSchema, entry)
    const isSetter = read.success && `f:${reconcileAnnotation}` in read.output.fieldsV1['f:metadata']['f:annotations']
    return isSetter ? [read.output.time] : []
  })
  return latest(times)
}
