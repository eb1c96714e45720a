import { fluxKinds } from '../../flux/kinds.ts'
import { appliedBy } from '../../flux/labels.ts'
import type { FluxObject } from '../../flux/object.ts'
import { nameOf, type Ref } from '../../kubernetes/objects.ts'
import type { Evidence } from './evidence.ts'

const bringerKinds = [
  { kind: fluxKinds.helmRelease.kind, by: appliedBy.helmRelease },
  { kind: fluxKinds.resourceSet.kind, by: appliedBy.resourceSet },
  { kind: fluxKinds.kustomization.kind, by: appliedBy.kustomization },
] as const

/** The objects of Flux that bring one from Git, by the marks of those that applied it, the nearest first. */
export function bringersOf(objects: Evidence['objects'], labels: FluxObject['labels']): readonly FluxObject[] {
  const found: FluxObject[] = []
  let marks = labels
  for (;;) {
    const [next] = bringerKinds.flatMap(({ kind, by }) => objects.get(`${kind} ${marks[by.namespace]}/${marks[by.name]}`) ?? [])
    if (next === undefined || found.includes(next)) return found
    found.push(next)
    marks = next.labels
  }
}

/** Where a commit may come from that changes what these objects do: what Flux itself follows, and, for a tenant's, the tenant's own sources. */
export function sourcesOf(
  { objects, installation: { follows } }: Pick<Evidence, 'objects'> & { readonly installation: Pick<Evidence['installation'], 'follows'> },
  names: readonly string[],
): readonly Ref[] {
  const all = names.flatMap((name) => {
    const object = objects.get(name)
    return object === undefined ? [] : [object, ...bringersOf(objects, object.labels)]
  })
  const sources = all.flatMap(({ ref, source = '' }) => (ref.kind === fluxKinds.kustomization.kind ? (objects.get(source)?.ref ?? []) : []))
  const followed = follows === undefined ? [] : [follows.source]
  return [...new Map([...followed, ...sources].map((ref) => [nameOf(ref), ref])).values()]
}
