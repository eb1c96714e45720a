import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { retryOnConflict } from '../kubernetes/retry-conflict.ts'
import { type KubeObject, nameOf, type Ref } from '../kubernetes/objects.ts'
import { type Fields, isForeign, partFields } from './field-owners.ts'
import { ownedPaths } from '../kubernetes/field-paths.ts'
import { owners, releaseManager } from './field-managers.ts'

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
 * Gives the fields that the foreign managers own to the controller of Flux that applies the object. Nothing of the object itself changes, and so its
 * generation does not; what Git does not state, Flux then removes when it next applies it.
 * @param timeout the longest that others may write in between, in milliseconds
 */
export async function handOverAll(cluster: Cluster, ref: Ref, foreign: readonly string[], timeout: number): Promise<void> {
  await retryOnConflict(`give the fields of ${nameOf(ref)} back to Flux`, timeout, async () => {
    const object = await cluster.get(ref)
    if (object === undefined) return
    const { resourceVersion, managedFields, annotations } = object.metadata
    const fixed = handOver(v.parse(v.array(entrySchema), managedFields), foreign, ownerOf(object))
    const forgotten = annotations[lastApplied] === undefined ? {} : { annotations: { [lastApplied]: null } }
    await cluster.patch(ref, { metadata: { resourceVersion, managedFields: fixed, ...forgotten } })
  })
}

/** A FluxInstance and the operator's CRDs come by Helm, even where they lack the label that says so. */
function ownerOf({ metadata }: KubeObject): string {
  return owners.find(([label]) => metadata.labels[label] !== undefined)?.[1] ?? releaseManager
}

/**
 * The entries with what the foreign managers own added to the owner's. A lever, as `spec.suspend`, stays whose it is: given to the owner, it
 * would be removed by the next apply, and what a person had suspended would run.
 */
export function handOver(entries: readonly Entry[], foreign: readonly string[], owner: string): Entry[] {
  const theirs = entries.filter((entry) => isGiven(entry, foreign))
  const [first] = theirs
  if (first === undefined) return [...entries]
  const own = entries.find((entry) => isOwners(entry, owner)) ?? { ...first, manager: owner, operation: 'Apply', fieldsV1: {} }
  const fieldsV1 = theirs.reduce((fields, entry) => union(fields, partFields(entry.fieldsV1).owned ?? {}), own.fieldsV1)
  const kept = entries.flatMap((entry) => {
    if (entry === own) return []
    if (!theirs.includes(entry)) return [entry]
    const { levers } = partFields(entry.fieldsV1)
    return levers === undefined ? [] : [{ ...entry, fieldsV1: { ...levers } }]
  })
  return [...kept, { ...own, fieldsV1 }]
}

function isGiven(entry: Entry, foreign: readonly string[]): boolean {
  return foreign.includes(entry.manager) && isForeign(entry)
}

function isOwners({ manager, operation, subresource }: Entry, owner: string): boolean {
  return manager === owner && operation === 'Apply' && subresource === undefined
}

/** The fields that the owner does not state itself: Flux takes them away once they are given to it. */
export function takenAway(object: KubeObject, foreign: readonly string[]): string[] {
  const entries = v.parse(v.array(entrySchema), object.metadata.managedFields)
  const applied = entries.find((entry) => isOwners(entry, ownerOf(object)))?.fieldsV1 ?? {}
  const theirs = entries.filter((entry) => isGiven(entry, foreign))
  const given = theirs.reduce((fields, entry) => union(fields, partFields(entry.fieldsV1).owned ?? {}), {})
  const kept = new Set(ownedPaths(applied))
  return ownedPaths(given).filter((path) => !kept.has(path))
}

const fieldsSchema = v.record(v.string(), v.unknown())

/** Sets of field paths are trees of keys: both together are all keys of both. */
function union(one: Fields, other: Fields): Fields & Record<string, unknown> {
  const both: Record<string, unknown> = { ...one }
  for (const [key, below] of Object.entries(other)) {
    both[key] = key in both ? union(v.parse(fieldsSchema, both[key]), v.parse(fieldsSchema, below)) : below
  }
  return both
}
