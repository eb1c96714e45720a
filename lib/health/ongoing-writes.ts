import * as v from 'valibot'
import { inventoryOf } from '../flux/inventory.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { listResources } from '../kubernetes/discovery.ts'
import { getMetadata } from '../kubernetes/metadata.ts'
import { nameOf, type Ref } from '../kubernetes/objects.ts'
import { waitUntil } from '../kubernetes/wait-until.ts'
import { lastWriteBy } from './last-write.ts'
import type { Suspect } from './changes.ts'

/** Between two reads of an object, in milliseconds. */
const between = 1000

/**
 * Checks the suspects again and again, until one of them was seen to write `writes` times without a new cause, or the time is over.
 * @returns those of them that continue, with all others that write to the same objects; none where nothing was seen
 */
export async function watchSuspects(
  cluster: Cluster,
  suspects: readonly Suspect[],
  options: { readonly writes: number; readonly within: number },
): Promise<Suspect[]> {
  const watched = await Promise.all(
    suspects.map(async (suspect) => {
      const read = await writeReader(cluster, suspect)
      return { suspect, read, cause: suspect.cause, stamp: await read(), writes: 0 }
    }),
  )
  const check = async (): Promise<Suspect[]> => {
    for (const one of watched) {
      const stamp = await one.read()
      if (stamp === one.stamp) continue
      one.stamp = stamp
      one.writes += 1
      if (one.writes < options.writes) continue
      const cause = await one.suspect.newestCause()
      if (cause === one.cause) return suspects.filter(({ object }) => object === one.suspect.object)
      Object.assign(one, { cause, writes: 0 }) // it had a reason
    }
    return []
  }
  return waitUntil(cluster, { watches: [], timeout: options.within, every: between, check, isOver: (ongoing) => ongoing.length > 0 })
}

const releaseSchema = v.object({
  status: v.optional(v.object({ history: v.optional(v.array(v.object({ lastDeployed: v.optional(v.string(), '') })), []) }), {}),
})

/** Reads when the doer last wrote to the object, as a text that is another after each write; a HelmRelease may be what it releases. */
export async function writeReader(
  cluster: Cluster,
  { object, by, doer }: Pick<Suspect, 'object' | 'by' | 'doer'>,
): Promise<() => Promise<string>> {
  if (object === by) {
    return async () => {
      const release = await cluster.get(doer)
      return release === undefined ? '' : (v.parse(releaseSchema, release).status.history[0]?.lastDeployed ?? '')
    }
  }
  const ref = await find(cluster, object, doer)
  return async () => {
    const found = ref === undefined ? undefined : await getMetadata(cluster, ref)
    return found === undefined ? '' : `${found.metadata.uid} ${lastWriteBy(doer, found)}`
  }
}

/** An Event tells kind, namespace and name; the doer's inventory, or the API itself, knows the kind's group. */
async function find(cluster: Cluster, object: string, doer: Ref): Promise<Ref | undefined> {
  const live = await cluster.get(doer)
  const held = live === undefined ? undefined : inventoryOf(live).find((ref) => nameOf(ref) === object)
  if (held !== undefined) return held
  const [kind = '', path = ''] = object.split(' ')
  const [namespace, name] = path.includes('/') ? path.split('/') : [undefined, path]
  for (const { apiVersion } of (await listResources(cluster)).filter((one) => one.kind === kind)) {
    const ref: Ref = { apiVersion, kind, name: name ?? '', ...(namespace === undefined ? {} : { namespace }) }
    if ((await getMetadata(cluster, ref)) !== undefined) return ref
  }
  return undefined
}
