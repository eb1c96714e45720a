import { nameOf } from '../cluster/objects.ts'
import { findForeign } from '../health/foreign-managers.ts'
import { mendManagers } from '../health/mend-managers.ts'
import type { Scene } from '../health/scene.ts'
import type { Step } from '../step.ts'

/**
 * Has nobody but Flux own fields of what is Flux's.
 * @param look sets the scene anew
 */
export function ensureOwnManagers(look: () => Scene): Step {
  return {
    id: 'managers',
    title: "Give Flux back the fields of its objects that others' field managers own",
    risk: 'change',
    async look() {
      const found = await findForeign(look())
      if (found.length === 0) return { is: 'done', detail: "only Flux's own field managers" }
      const names = [...new Set(found.flatMap(({ managers }) => managers))].join(', ')
      const [first] = found
      const place = first?.ref.namespace === undefined ? '' : ` --namespace ${first.ref.namespace}`
      return {
        is: 'todo',
        change: `hand over what ${names} own of ${found.length} objects; the objects themselves do not change`,
        commands: [`kubectl${place} get ${first?.ref.kind.toLowerCase()} ${first?.ref.name} --show-managed-fields --output yaml`],
        details: found.map(({ ref, managers }) => `${nameOf(ref)}: ${managers.join(', ')}`),
      }
    },
    async act({ cluster }, progress) {
      const found = await findForeign(look())
      for (const [at, { ref, managers }] of found.entries()) {
        await mendManagers(cluster, ref, managers)
        progress(`${at + 1} of ${found.length} objects`)
      }
    },
  }
}
