import { fluxKinds } from './kinds.ts'
import { type FluxPlace, refsIn } from './refs.ts'
import { nameOf } from '../kubernetes/objects.ts'

/** The names of the objects that bring Flux itself, from its source to its charts: what Flux's upgrade is judged by. */
export function ownObjects(place: FluxPlace): ReadonlySet<string> {
  const { instance, source, kustomizations, operatorRelease, instanceRelease } = refsIn(place)
  const releases = [operatorRelease, instanceRelease].filter((release) => release !== undefined)
  const charts = releases.map((release) => ({ ...release, ...fluxKinds.ociRepository }))
  return new Set([...(instance === undefined ? [] : [instance]), source, ...kustomizations, ...releases, ...charts].map(nameOf))
}
