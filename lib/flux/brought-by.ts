import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import { appliedBy } from './labels.ts'

/** What brings an object from Git into a cluster. */
export interface Bringers {
  /** The HelmRelease or ResourceSet that it is of, if it is of one. */
  readonly maker: Ref | undefined
  /** The Flux Kustomizations, the root first; the last applies the object, or what makes it. */
  readonly kustomizations: readonly KubeObject[]
}

const makers = [
  { kind: fluxKinds.helmRelease, labels: appliedBy.helmRelease },
  { kind: fluxKinds.resourceSet, labels: appliedBy.resourceSet },
] as const

/** The object that a label of this one names as having made it. */
function namedBy(
  object: KubeObject,
  labels: { readonly name: string; readonly namespace: string },
): { name: string; namespace: string } | undefined {
  const { [labels.name]: name, [labels.namespace]: namespace } = object.metadata.labels
  return name === undefined || namespace === undefined ? undefined : { name, namespace }
}

/**
 * Follows the labels by which Flux marks what it applies, up to the root; undefined where no Kustomization leads to the object: a person has
 * applied it, or another program.
 */
export async function readBringers(cluster: Pick<Cluster, 'get'>, object: KubeObject): Promise<Bringers | undefined> {
  let first: Ref | undefined
  let at = object
  for (const { kind, labels } of [...makers, ...makers]) {
    const made = namedBy(at, labels)
    if (made === undefined || namedBy(at, appliedBy.kustomization) !== undefined) continue
    const maker = await cluster.get({ ...kind, ...made })
    if (maker === undefined) return undefined
    first ??= refOf(maker)
    at = maker
  }
  const kustomizations: KubeObject[] = []
  for (;;) {
    const by = namedBy(at, appliedBy.kustomization)
    const next = by === undefined ? undefined : await cluster.get({ ...fluxKinds.kustomization, ...by })
    if (next === undefined || kustomizations.some((one) => nameOf(refOf(one)) === nameOf(refOf(next)))) break
    kustomizations.unshift(next)
    at = next
  }
  return kustomizations.length === 0 ? undefined : { maker: first, kustomizations }
}

const pathSchema = v.object({
  spec: v.object({
    path: v.optional(v.string(), ''),
    sourceRef: v.object({ kind: v.string(), name: v.string(), namespace: v.optional(v.string()) }),
  }),
})

/** Where a Kustomization reads: the name of its source, `GitRepository flux-system/fleet`, and the folder there, `.` for all of it. */
export function readsFrom(kustomization: KubeObject): {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly folder: string
} {
  const { path, sourceRef } = v.parse(pathSchema, kustomization).spec
  const { kind, name, namespace = kustomization.metadata.namespace ?? '' } = sourceRef
  return { kind, namespace, name, folder: folderAt(path) }
}

/** The folder of a source that a path names, as `./clusters/infra/`; `.` for all of it. */
export function folderAt(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.length === 0 ? '.' : parts.join('/')
}
