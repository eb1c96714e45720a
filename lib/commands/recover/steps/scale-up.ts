import * as v from 'valibot'
import { unavailableOf } from '../../../flux/components.ts'
import { operatorName } from '../../../flux/labels.ts'
import { kinds, nameOf } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'

/** A Deployment that is scaled to 0: it is Ready, and does nothing. */
export const scaledToZero = v.object({ metadata: v.object({ name: v.string() }), spec: v.object({ replicas: v.literal(0) }) })

/**
 * Scales the operator up from 0. The chart leaves the number of replicas to the API server, so helm-controller sees no drift and does not
 * restore it; the controllers' own the operator restores.
 */
export function ensureOperatorScaledUp(namespace: string): Step {
  const ref = { ...kinds.deployment, namespace, name: operatorName }
  return {
    id: 'scale-operator',
    title: 'Scale the operator up',
    risk: 'change',
    async check({ cluster }) {
      const live = await cluster.get(ref)
      if (live === undefined)
        return { is: 'blocked', reason: `${nameOf(ref)} has been deleted meanwhile`, remedy: 'to look again: the same command' }
      if (v.is(scaledToZero, live)) {
        const commands = [`kubectl --namespace ${namespace} scale deployment ${operatorName} --replicas=1`]
        return { is: 'todo', change: `scale ${nameOf(ref)} from 0 to 1: helm-controller does not restore that`, commands }
      }
      const waiting = await unavailableOf(cluster, [ref])
      return waiting.length === 0 ? { is: 'done', detail: `${operatorName} is available` } : { is: 'waiting', on: waiting.join(', ') }
    },
    async apply({ cluster }) {
      await cluster.patch(ref, { spec: { replicas: 1 } })
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace } })),
  }
}
