import { kinds, refOf } from '../../../kubernetes/objects.ts'
import { inParallel } from '../../../base/parallel.ts'
import { listFluxCrds } from '../../../flux/crds.ts'
import { holdersOf } from '../../../preflight/terminating.ts'
import type { Step } from '../../../runner/step.ts'

/** Deletes Flux's CustomResourceDefinitions, and with them every object of its kinds, and waits until they are gone. */
export function ensureCrdsGone(): Step {
  return {
    id: 'crds',
    title: 'Delete the objects of Flux and their CustomResourceDefinitions',
    risk: 'destroy',
    async check({ cluster }) {
      const crds = await listFluxCrds(cluster)
      if (crds.length === 0) return { is: 'done', detail: 'none is left' }
      const waiting = crds.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      if (waiting.length < crds.length) {
        const names = crds.map(({ metadata }) => metadata.name)
        const change = `delete ${crds.length} CustomResourceDefinitions, and with them every object of Flux, in all namespaces`
        return { is: 'todo', change, commands: [`kubectl delete crd ${names.join(' ')}`], details: names }
      }
      const first = waiting[0]?.metadata.name ?? ''
      const { held } = await holdersOf(cluster, first)
      return { is: 'waiting', on: `${waiting.length} CustomResourceDefinitions to be gone; ${first}: ${held}` }
    },
    async apply({ cluster }) {
      await inParallel(await listFluxCrds(cluster), 32, async (crd) => {
        const { uid, deletionTimestamp } = crd.metadata
        if (uid !== undefined && deletionTimestamp === undefined) await cluster.remove(refOf(crd), { uid })
      })
    },
    watches: [{ kind: kinds.crd, query: {} }],
  }
}
