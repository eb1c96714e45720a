import * as v from 'valibot'
import { type Cluster, unlessGone } from '../cluster/cluster.ts'
import { kinds, type KubeObject, type Ref } from '../cluster/objects.ts'
import { readinessOf } from '../cluster/readiness.ts'
import type { Step } from '../step.ts'
import { podsOf } from './flux-pods.ts'
import { noteTeardown, teardownNotes } from './teardown-notes.ts'
import { reconcileAnnotation } from '../cluster/flux-instance.ts'

const event = { apiVersion: 'v1', kind: 'Event' }
const eventSchema = v.object({ lastTimestamp: v.nullish(v.string(), '') })

/**
 * Puts the FluxInstance to rest, and waits until its operator has said that it leaves it alone. Whoever deletes one that is not at rest has
 * Flux, every object of its kinds and its CRDs taken away by the operator (flux-operator#423).
 */
export function ensureAtRest(namespace: string): Step {
  const ref = instanceRef(namespace)
  return {
    id: 'rest',
    title: 'Put the FluxInstance to rest',
    risk: 'change',
    async look({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'done', detail: 'there is none' }
      if (instance.metadata.annotations[reconcileAnnotation] !== 'disabled') {
        const what = 'so that its operator leaves alone what it installed'
        return {
          is: 'todo',
          change: `annotate FluxInstance ${namespace}/flux, ${what}`,
          commands: [`${command(namespace)}=disabled --overwrite`],
        }
      }
      if ((await podsOf(cluster, namespace, 'operator')).length === 0) return { is: 'done', detail: 'at rest; its operator does not run' }
      if (await isHeard(cluster, instance)) return { is: 'done', detail: 'at rest: the operator leaves it alone' }
      return { is: 'waiting', on: 'the operator to say that it leaves the FluxInstance alone' }
    },
    async act({ cluster, memory }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return
      const annotation = instance.metadata.annotations[reconcileAnnotation] ?? null
      noteTeardown(memory, { rested: { annotation, wasReady: readinessOf(instance).is === 'ready' } })
      await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } }).catch(unlessGone)
    },
    watches: [
      { kind: event, query: { namespace, fields: 'involvedObject.name=flux' } },
      { kind: kinds.fluxInstance, query: { namespace } },
    ],
  }
}

/** The way back: the annotation as it was, and the FluxInstance as Ready as it was. */
export function ensureAwake(namespace: string): Step {
  const ref = instanceRef(namespace)
  return {
    id: 'awake',
    title: 'Wake the FluxInstance',
    risk: 'change',
    async look({ cluster, memory }) {
      const { rested } = teardownNotes(memory)
      if (rested === undefined) return { is: 'done', detail: 'it was never put to rest' }
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'done', detail: 'there is none' }
      if ((instance.metadata.annotations[reconcileAnnotation] ?? null) !== rested.annotation) {
        return { is: 'todo', change: 'give its annotation back', commands: [`${command(namespace)}-`] }
      }
      const readiness = readinessOf(instance)
      if (readiness.is === 'ready' || !rested.wasReady)
        return { is: 'done', detail: readiness.is === 'ready' ? readiness.message : 'as it was' }
      return readiness.is === 'waiting'
        ? readiness
        : { is: 'blocked', reason: readiness.reason, remedy: `kubectl --namespace ${namespace} describe fluxinstance flux` }
    },
    async act({ cluster, memory }) {
      const { rested } = teardownNotes(memory)
      await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: rested?.annotation ?? null } } })
    },
    watches: [{ kind: kinds.fluxInstance, query: { namespace } }],
  }
}

function instanceRef(namespace: string): Ref {
  return { ...kinds.fluxInstance, namespace, name: 'flux' }
}

function command(namespace: string): string {
  return `kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}`
}

/**
 * The operator says it by an Event alone: the conditions of an instance that was reconciled before stay as they are (flux-operator
 * internal/controller/fluxinstance_controller.go). Events last an hour; an annotation older than that was heard long ago.
 */
async function isHeard(cluster: Cluster, instance: KubeObject): Promise<boolean> {
  const since = restedAt(instance)
  if (Date.now() - since > 50 * 60_000) return true
  const fields = 'involvedObject.kind=FluxInstance,involvedObject.name=flux,reason=ReconciliationDisabled'
  const { namespace = '' } = instance.metadata
  const said = await cluster.list(event, { namespace, fields })
  return said.some((one) => Date.parse(v.parse(eventSchema, one).lastTimestamp ?? '') >= since)
}

const managedSchema = v.object({
  time: v.optional(v.string(), ''),
  fieldsV1: v.object({ 'f:metadata': v.object({ 'f:annotations': v.record(v.string(), v.unknown()) }) }),
})

/** When the annotation was set, to the second; long ago where nobody is on record for it. */
function restedAt({ metadata: { managedFields } }: KubeObject): number {
  const times = managedFields.flatMap((entry) => {
    const read = v.safeParse(managedSchema, entry)
    const isSetter = read.success && `f:${reconcileAnnotation}` in read.output.fieldsV1['f:metadata']['f:annotations']
    return isSetter ? [Date.parse(read.output.time)] : []
  })
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time)))
}
