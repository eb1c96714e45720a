import type { Cluster } from '../kubernetes/client.ts'
import { listResources, type Resource } from '../kubernetes/discovery.ts'
import { metadataPages } from '../kubernetes/metadata.ts'
import { type KubeObject, type Ref, refOf } from '../kubernetes/objects.ts'
import { inParallel } from '../base/parallel.ts'
import { isFluxGroup } from './api-groups.ts'
import { foreignFinalizers, isFluxFinalizer } from './finalizers.ts'

/** An object of a kind of Flux's that something holds back from being deleted. */
export interface HeldObject {
  readonly ref: Ref
  readonly resourceVersion: string
  /** Without Flux's own: anyone who put them there must take them off. */
  readonly foreign: readonly string[]
  readonly hasOwn: boolean
}

/** The kinds of Flux and its operator that the API serves. */
export async function fluxResources(cluster: Cluster): Promise<Resource[]> {
  return (await listResources(cluster)).filter(({ group }) => isFluxGroup(group))
}

/** How many objects of Flux there are in every namespace, and which of them are held by finalizers. */
export async function readHeldObjects(cluster: Cluster): Promise<{ count: number; held: HeldObject[] }> {
  const found = await inParallel(await fluxResources(cluster), 8, async ({ path, apiVersion, kind }) => {
    let count = 0
    const held: HeldObject[] = []
    for await (const page of metadataPages(cluster, path, { apiVersion, kind })) {
      count += page.length
      held.push(...page.filter(({ metadata }) => metadata.finalizers.length > 0).map(heldOf))
    }
    return { count, held }
  })
  return { count: found.reduce((sum, { count }) => sum + count, 0), held: found.flatMap(({ held }) => held) }
}

export function heldOf(object: KubeObject): HeldObject {
  const { finalizers, resourceVersion = '' } = object.metadata
  const ref = refOf(object)
  return {
    ref,
    resourceVersion,
    foreign: foreignFinalizers({ ref, finalizers }),
    hasOwn: finalizers.some(isFluxFinalizer),
  }
}

/** What is left of an object's finalizers without Flux's. */
export function withoutOwn(finalizers: readonly string[]): string[] {
  return finalizers.filter((finalizer) => !isFluxFinalizer(finalizer))
}
