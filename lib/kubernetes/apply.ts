import { counted } from '../base/counted.ts'
import { isDeepStrictEqual } from 'node:util'
import type { Cluster } from './client.ts'
import { kinds, type KubeObject, nameOf, refOf } from './objects.ts'

export interface Difference {
  readonly object: KubeObject
  readonly is: 'missing' | 'different'
}

/** Which of the objects are not in the cluster as stated, by a server-side dry run for each that exists. */
export async function differences(cluster: Cluster, objects: readonly KubeObject[], manager: string): Promise<Difference[]> {
  const compared = await Promise.all(
    objects.map(async (object): Promise<Difference[]> => {
      const state = await compare(cluster, object, manager)
      return state === 'same' ? [] : [{ object, is: state }]
    }),
  )
  return compared.flat()
}

async function compare(cluster: Cluster, object: KubeObject, manager: string): Promise<'same' | Difference['is']> {
  for (let left = mostAttempts; left > 0; left--) {
    const live = await cluster.get(refOf(object))
    if (live === undefined) return 'missing'
    const applied = await cluster.apply(object, { manager, dryRun: true })
    if (isDeepStrictEqual(comparableFields(live), comparableFields(applied))) return 'same'
    // A controller may have written between the two reads: only what was compared with itself is different.
    if (applied.metadata.resourceVersion === live.metadata.resourceVersion) return 'different'
  }
  return 'different'
}

/** One that others write to all the time is not checked forever. */
const mostAttempts = 10

/**
 * The fields that an object's manifest can set, and who owns them; its status is the cluster's own matter. Whether its owner applied it or wrote it is one: what
 * helm-controller restores of a release, it writes (drift correction), and that leaves nothing to do.
 */
function comparableFields(object: KubeObject): unknown {
  const { status: _status, ...fields } = object
  const { resourceVersion: _version, managedFields, ...metadata } = object.metadata
  const owners = [...new Set(managedFields.map(({ manager, subresource }) => `${manager} ${subresource ?? ''}`))].sort()
  return { ...fields, metadata: { ...metadata, owners } }
}

/** Applies the objects, CustomResourceDefinitions and their like first, as Helm orders them. */
export async function applyObjects(cluster: Cluster, objects: readonly KubeObject[], manager: string): Promise<void> {
  const first = objects.filter(isFoundation)
  const rest = objects.filter((object) => !isFoundation(object))
  for (const group of [first, rest]) {
    await Promise.all(group.map((object) => cluster.apply(object, { manager })))
  }
}

function isFoundation({ kind }: KubeObject): boolean {
  return [kinds.crd.kind, kinds.namespace.kind, kinds.serviceAccount.kind, 'ClusterRole', 'ClusterRoleBinding'].includes(kind)
}

/** `create 12 objects, change Deployment flux-system/flux-operator`. */
export function describeDifferences(found: readonly Difference[]): { change: string; details: string[] } {
  const missing = found.filter(({ is }) => is === 'missing')
  const different = found.filter(({ is }) => is === 'different')
  const named = (some: readonly Difference[]): string =>
    some.length <= 2 ? some.map(({ object }) => nameOf(refOf(object))).join(' and ') : counted(some.length, 'object')
  const change = [
    ...(missing.length === 0 ? [] : [`create ${named(missing)}`]),
    ...(different.length === 0 ? [] : [`change ${named(different)}`]),
  ].join(', ')
  return { change, details: found.map(({ object, is }) => `${is === 'missing' ? 'create' : 'change'} ${nameOf(refOf(object))}`) }
}
