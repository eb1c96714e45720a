import { parseObject, type Ref, refOf } from '../../../lib/kubernetes/objects.ts'
import type { LookOptions, World } from './world.ts'

/** What is broken, until `undo` is called. */
export interface Broken {
  /** The object that the probe is to name, as far as it is known. */
  readonly object: string
  readonly undo: () => Promise<unknown>
  readonly look?: LookOptions
}

/** Applies an object, and takes it away again. */
export async function applied(world: World, object: string, manifest: object): Promise<Broken> {
  const ref = refOf(await world.cluster.apply(parseObject(manifest)))
  return { object, undo: () => removeNow(world, ref) }
}

/** Removes the object that there is now, and waits until it is gone. */
export async function removeNow({ cluster, until }: World, ref: Ref): Promise<void> {
  const uid = (await cluster.get(ref))?.metadata.uid
  if (uid === undefined) return
  await cluster.remove(ref, { uid })
  await until(async () => (await cluster.get(ref))?.metadata.uid !== uid)
}
