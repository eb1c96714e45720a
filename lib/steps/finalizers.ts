import { type Held, readFluxObjects, withoutOwn } from '../belongings/flux-objects.ts'
import { type Cluster, isConflict, isNotFound } from '../cluster/cluster.ts'
import { getMetadata } from '../cluster/metadata.ts'
import { inParallel } from '../parallel.ts'
import type { Step } from '../step.ts'

/** The API takes about as many at once without slowing down (measured). */
const atOnce = 32

/**
 * Takes Flux's finalizers off its objects, everywhere. With its controllers alive they would prune what a Kustomization applied and
 * uninstall what a HelmRelease installed; with them dead nobody else would ever take them off (fluxcd/flux2#632).
 */
export function ensureFinalizersOff(): Step {
  return {
    id: 'finalizers',
    title: "Take Flux's finalizers off its objects, in every namespace",
    risk: 'destroy',
    async look({ cluster }) {
      const { count, held } = await readFluxObjects(cluster)
      const own = held.filter(({ hasOwn }) => hasOwn)
      if (own.length === 0) return { is: 'done', detail: count === 0 ? 'there are no objects of Flux' : `none of ${count} objects has one` }
      const namespaces = new Set(own.map(({ ref }) => ref.namespace))
      const kinds = new Set(own.map(({ ref }) => ref.kind))
      return {
        is: 'todo',
        change: `${own.length} objects of ${kinds.size} kinds in ${namespaces.size} namespace${namespaces.size === 1 ? '' : 's'}; what they deployed stays`,
        commands: [`for each: kubectl --namespace NAMESPACE patch KIND NAME --type=merge --patch '{"metadata":{"finalizers":null}}'`],
        details: own.slice(0, 20).map(({ ref }) => `${ref.kind} ${ref.namespace}/${ref.name}`),
      }
    },
    async act({ cluster }, progress) {
      const own = (await readFluxObjects(cluster)).held.filter(({ hasOwn }) => hasOwn)
      let done = 0
      await inParallel(own, atOnce, async (held) => {
        await strip(cluster, held)
        done += 1
        if (done % 100 === 0) progress(`${done} of ${own.length} finalizers off`)
      })
    },
  }
}

/** Writes only what was looked at: an object that has moved since is looked at again. */
async function strip(cluster: Cluster, { ref, resourceVersion, foreign }: Held): Promise<void> {
  let [version, finalizers] = [resourceVersion, foreign]
  for (;;) {
    try {
      await cluster.patch(ref, { metadata: { resourceVersion: version, finalizers: finalizers.length === 0 ? null : finalizers } })
      return
    } catch (error) {
      if (isNotFound(error)) return // it was only waiting for that
      if (!isConflict(error)) throw error
      const live = await getMetadata(cluster, ref)
      if (live === undefined) return
      version = live.metadata.resourceVersion ?? ''
      finalizers = withoutOwn(live.metadata.finalizers)
    }
  }
}
