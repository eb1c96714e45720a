import type { Cluster } from '../cluster/cluster.ts'
import { listResources, type Resource } from '../cluster/discovery.ts'
import { metadataPages } from '../cluster/metadata.ts'
import { type KubeObject, type Ref, refOf } from '../cluster/objects.ts'
import { inParallel } from '../parallel.ts'
import { isFluxGroup } from '../preflight/flux-crds.ts'

/** Of Flux's controllers and its operator: what they wanted to do before an object goes, and what nobody is left to do. */
const own = ['finalizers.fluxcd.io', 'fluxcd.controlplane.io/finalizer']
/** Kubernetes takes these off by itself. */
const automatic = ['foregroundDeletion', 'orphan']

/** An object of a kind of Flux's that something holds back from being deleted. */
export interface Held {
  readonly ref: Ref
  readonly resourceVersion: string
  /** Without Flux's own: whoever put them there must take them off. */
  readonly foreign: readonly string[]
  readonly hasOwn: boolean
}

/** The kinds of Flux and its operator that the API serves. */
export async function fluxResources(cluster: Cluster): Promise<Resource[]> {
  return (await listResources(cluster)).filter(({ group }) => isFluxGroup(group))
}

/** How many objects of Flux there are in every namespace, and which of them are held by finalizers. */
export async function readFluxObjects(cluster: Cluster): Promise<{ count: number; held: Held[] }> {
  const found = await inParallel(await fluxResources(cluster), 8, async ({ path, apiVersion, kind }) => {
    let count = 0
    const held: Held[] = []
    for await (const page of metadataPages(cluster, path, { apiVersion, kind })) {
      count += page.length
      held.push(...page.filter(({ metadata }) => metadata.finalizers.length > 0).map(heldOf))
    }
    return { count, held }
  })
  return { count: found.reduce((sum, { count }) => sum + count, 0), held: found.flatMap(({ held }) => held) }
}

export function heldOf(object: KubeObject): Held {
  const { finalizers, resourceVersion = '' } = object.metadata
  return {
    ref: refOf(object),
    resourceVersion,
    foreign: finalizers.filter((finalizer) => ![...own, ...automatic].includes(finalizer)),
    hasOwn: finalizers.some((finalizer) => own.includes(finalizer)),
  }
}

/** What is left of an object's finalizers without Flux's. */
export function withoutOwn(finalizers: readonly string[]): string[] {
  return finalizers.filter((finalizer) => !own.includes(finalizer))
}
