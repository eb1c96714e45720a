import { getMetadata } from '../../../kubernetes/metadata.ts'
import { kindArgument, nameOf } from '../../../kubernetes/objects.ts'
import { findForeign } from '../../../health/foreign-managers.ts'
import { handOverAll, takenAway } from '../../../flux/hand-over-fields.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { inParallel } from '../../../base/parallel.ts'
import type { Step } from '../../../runner/step.ts'

/** More objects than these are reported as details only. */
const most = 5

/**
 * Has nobody but Flux own fields of what is Flux's.
 * @param takeSnapshot takes a new snapshot
 */
export function ensureOwnManagers(takeSnapshot: () => Snapshot): Step {
  return {
    id: 'managers',
    title: 'Return to Flux the fields that foreign field managers own',
    risk: 'change',
    async check({ cluster, addressed }) {
      const found = await findForeign(takeSnapshot())
      if (found.length === 0) return { is: 'done', detail: "only Flux's own field managers" }
      const names = [...new Set(found.flatMap(({ managers }) => managers))].join(', ')
      const [first] = found
      const place = first?.ref.namespace === undefined ? '' : ` --namespace ${first.ref.namespace}`
      const lost = await inParallel(found, 32, async ({ ref, managers }) => {
        const object = await getMetadata(cluster, ref)
        const paths = object === undefined ? [] : takenAway(object, managers)
        return paths.length === 0 ? [] : [`${nameOf(ref)}: ${paths.join(', ')}`]
      })
      const taken = lost.flat()
      return {
        is: 'todo',
        change: [
          `hand over what ${names} own of ${found.length} ${found.length === 1 ? 'object' : 'objects'}; the objects themselves do not change`,
          ...(taken.length === 0
            ? []
            : [
                `Flux then removes what is not in Git: ${taken.slice(0, most).join('; ')}${taken.length > most ? `; and of ${taken.length - most} more` : ''}`,
              ]),
        ].join('. '),
        commands: [], // nobody would type managedFields
        details: [
          `to see the first: ${addressed(`kubectl${place} get ${first === undefined ? '' : kindArgument(first.ref)} ${first?.ref.name} --show-managed-fields --output yaml`)}`,
          ...found.map(({ ref, managers }) => `${nameOf(ref)}: ${managers.join(', ')}`),
          ...taken.map((what) => `removed: ${what}`),
        ],
      }
    },
    async apply({ cluster, timeout }, progress) {
      const found = await findForeign(takeSnapshot())
      for (const [at, { ref, managers }] of found.entries()) {
        await handOverAll(cluster, ref, managers, timeout)
        progress(`${at + 1} of ${found.length} objects`)
      }
    },
  }
}
