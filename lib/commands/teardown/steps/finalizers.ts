import { counted } from '../../../base/counted.ts'
import { type HeldObject, readHeldObjects, withoutOwn } from '../../../flux/held-objects.ts'
import { type Cluster, ignoreNotFound } from '../../../kubernetes/client.ts'
import { kindArgument, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { retryOnConflict } from '../../../kubernetes/retry-conflict.ts'
import { getMetadata } from '../../../kubernetes/metadata.ts'
import { inParallel } from '../../../base/parallel.ts'
import type { Step } from '../../../runner/step.ts'

/** The API takes about as many at once without slowing down (measured). */
const atOnce = 32

/**
 * Takes Flux's finalizers off its objects, everywhere. With its controllers alive they would prune what a Kustomization applied and
 * uninstall what a HelmRelease installed; with them dead nobody else would ever take them off (fluxcd/flux2#632).
 */
export function ensureFinalizersRemoved(): Step {
  return ensureOff("Remove Flux's finalizers from its objects, in every namespace", () => true)
}

/** The same in one namespace that is being deleted, which they hold; objects elsewhere stay, and keep theirs. */
export function ensureFinalizersRemovedIn(namespace: string): Step {
  return ensureOff(`Remove Flux's finalizers from its objects in the namespace ${namespace}`, ({ ref }) => ref.namespace === namespace)
}

const letGo = (ref: Ref): string =>
  `kubectl${ref.namespace === undefined ? '' : ` --namespace ${ref.namespace}`} patch ${kindArgument(ref)} ${ref.name} --type=merge --patch '{"metadata":{"finalizers":null}}'`

function ensureOff(title: string, isMeant: (held: HeldObject) => boolean): Step {
  const heldByFlux = (held: readonly HeldObject[]): HeldObject[] => held.filter((one) => one.hasOwn && isMeant(one))
  return {
    id: 'finalizers',
    title,
    risk: 'destroy',
    async check({ cluster }) {
      const { count, held } = await readHeldObjects(cluster)
      const own = heldByFlux(held)
      if (own.length === 0)
        return { is: 'done', detail: count === 0 ? 'there are no objects of Flux' : `none of ${counted(count, 'object')} has one` }
      const namespaces = new Set(own.map(({ ref }) => ref.namespace))
      const kinds = new Set(own.map(({ ref }) => ref.kind))
      return {
        is: 'todo',
        change: `${counted(own.length, 'object')} of ${counted(kinds.size, 'kind')} in ${counted(namespaces.size, 'namespace')}; what they deployed stays`,
        commands: own.slice(0, 1).map(({ ref }) => `${letGo(ref)}   # and so on for each of them`),
        details: own.slice(0, 20).map(({ ref }) => `${ref.kind} ${ref.namespace}/${ref.name}`),
      }
    },
    async apply({ cluster, timeout }, progress) {
      const own = heldByFlux((await readHeldObjects(cluster)).held)
      let done = 0
      await inParallel(own, atOnce, async (held) => {
        await removeFinalizers(cluster, held, timeout)
        done += 1
        if (done % 100 === 0) progress(`${done} of ${own.length} finalizers off`)
      })
    },
  }
}

/**
 * Takes Flux's finalizers off one object. Writes only what was checked: an object that has moved since is checked again.
 * @param timeout the longest that may continue, in milliseconds
 */
export async function removeFinalizers(cluster: Cluster, { ref, resourceVersion, foreign }: HeldObject, timeout: number): Promise<void> {
  let seen: { readonly version: string; readonly finalizers: readonly string[] } | undefined = {
    version: resourceVersion,
    finalizers: foreign,
  }
  await retryOnConflict(`remove Flux's finalizers from ${nameOf(ref)}`, timeout, async () => {
    seen ??= await readFinalizers(cluster, ref)
    if (seen === undefined) return
    const { version, finalizers } = seen
    seen = undefined
    const patch = { metadata: { resourceVersion: version, finalizers: finalizers.length === 0 ? null : finalizers } }
    await cluster.patch(ref, patch).catch(ignoreNotFound) // it was only waiting for that
  })
}

async function readFinalizers(cluster: Cluster, ref: Ref): Promise<{ version: string; finalizers: readonly string[] } | undefined> {
  const live = await getMetadata(cluster, ref)
  if (live === undefined) return undefined
  return { version: live.metadata.resourceVersion ?? '', finalizers: withoutOwn(live.metadata.finalizers) }
}
