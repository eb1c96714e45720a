import { ignoreNotFound } from '../../../kubernetes/client.ts'
import { kindArgument, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'
import { heldStatusOf } from '../../../runner/step-status.ts'

/**
 * Deletes what keeps Flux from being repaired: someone put it there, so it takes the consent that destroys. What was checked is deleted,
 * and nothing that has taken its place.
 */
export function ensureObstacleGone(ref: Ref, uid: string, why: string): Step {
  const name = nameOf(ref)
  const at = ref.namespace === undefined ? '' : ` --namespace ${ref.namespace}`
  return {
    id: `obstacle-${ref.kind.toLowerCase()}-${ref.name}`,
    title: `Delete ${name}`,
    risk: 'destroy',
    async check({ cluster }) {
      const live = await cluster.get(ref)
      if (live === undefined || live.metadata.uid !== uid) return { is: 'done', detail: 'it is gone' }
      const held = heldStatusOf(live, ref)
      if (held !== undefined) return held
      if (live.metadata.deletionTimestamp !== undefined) return { is: 'waiting', on: `${name} to be gone` }
      return { is: 'todo', change: `delete ${name}: ${why}`, commands: [`kubectl${at} delete ${kindArgument(ref)} ${ref.name}`] }
    },
    async apply({ cluster }) {
      await cluster.remove(ref, { uid }).catch(ignoreNotFound)
    },
    watches: [{ kind: ref, query: ref.namespace === undefined ? {} : { namespace: ref.namespace } }],
  }
}
