import * as v from 'valibot'
import { appliers } from '../flux/field-managers.ts'
import type { KubeObject, Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { millisecondsOf } from './newest-cause.ts'

/** Who writes for an object of Flux. */
const writers: Readonly<Record<string, string>> = {
  [fluxKinds.kustomization.kind]: appliers.kustomize,
  [fluxKinds.helmRelease.kind]: appliers.helm,
  [fluxKinds.fluxInstance.kind]: appliers.operator,
}

const entrySchema = v.object({ manager: v.optional(v.string()), time: v.optional(v.string()), subresource: v.optional(v.string(), '') })

/** When the controller of `doer` last changed anything of the object, in milliseconds; `-Infinity` where it never did. */
export function lastWriteBy(doer: Ref, { metadata }: KubeObject): number {
  const writer = writers[doer.kind]
  const own = metadata.managedFields
    .map((entry) => v.parse(entrySchema, entry))
    .filter(({ manager, subresource }) => manager === writer && subresource === '')
  return Math.max(-Infinity, ...own.map(({ time }) => millisecondsOf(time)))
}
