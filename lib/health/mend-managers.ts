import * as v from 'valibot'
import { type Cluster, isConflict } from '../cluster/cluster.ts'
import type { KubeObject, Ref } from '../cluster/objects.ts'
import { owners } from './foreign-managers.ts'

const entrySchema = v.looseObject({
  manager: v.string(),
  operation: v.string(),
  subresource: v.optional(v.string()),
  fieldsV1: v.optional(v.record(v.string(), v.unknown()), {}),
})
type Entry = v.InferOutput<typeof entrySchema>

/** What `kubectl apply` remembers in the object, and nobody else reads. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * Gives the fields that the foreign managers own to whoever of Flux applies the object. Nothing of the object itself changes, and so its
 * generation does not; what Git does not state, Flux then takes away when it next applies it.
 */
export async function mendManagers(cluster: Cluster, ref: Ref, foreign: readonly string[]): Promise<void> {
  for (;;) {
    const object = await cluster.get(ref)
    if (object === undefined) return
    const { resourceVersion, managedFields, annotations } = object.metadata
    const mended = handOver(v.parse(v.array(entrySchema), managedFields), foreign, ownerOf(object))
    const forgotten = annotations[lastApplied] === undefined ? {} : { annotations: { [lastApplied]: null } }
    try {
      await cluster.patch(ref, { metadata: { resourceVersion, managedFields: mended, ...forgotten } })
      return
    } catch (error) {
      if (!isConflict(error)) throw error // somebody wrote just now: once more, with what is there then
    }
  }
}

/** A FluxInstance and the operator's CRDs come by Helm, even where they lack the label that says so. */
function ownerOf({ metadata }: KubeObject): string {
  return owners.find(([label]) => metadata.labels[label] !== undefined)?.[1] ?? 'helm-controller'
}

/** The entries with what the foreign managers own added to the owner's. */
export function handOver(entries: readonly Entry[], foreign: readonly string[], owner: string): Entry[] {
  const isForeign = ({ manager, subresource }: Entry): boolean => subresource === undefined && foreign.includes(manager)
  const theirs = entries.filter(isForeign)
  const [first] = theirs
  if (first === undefined) return [...entries]
  const isOwners = ({ manager, operation, subresource }: Entry): boolean =>
    manager === owner && operation === 'Apply' && subresource === undefined
  const own = entries.find(isOwners) ?? { ...first, manager: owner, operation: 'Apply' }
  const fieldsV1 = theirs.reduce((fields, entry) => union(fields, entry.fieldsV1), own.fieldsV1)
  const kept = entries.filter((entry) => !isForeign(entry) && entry !== own)
  return [...kept, { ...own, fieldsV1 }]
}

type Fields = Readonly<Record<string, unknown>>
const fieldsSchema = v.record(v.string(), v.unknown())

/** Sets of field paths are trees of keys: both together are all keys of both. */
function union(one: Fields, other: Fields): Fields & Record<string, unknown> {
  const both: Record<string, unknown> = { ...one }
  for (const [key, below] of Object.entries(other)) {
    both[key] = key in both ? union(v.parse(fieldsSchema, both[key]), v.parse(fieldsSchema, below)) : below
  }
  return both
}
