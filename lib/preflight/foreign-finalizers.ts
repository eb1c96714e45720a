import type { Held } from '../belongings/flux-objects.ts'
import { type KubeObject, nameOf, type Ref, refOf } from '../cluster/objects.ts'
import { blocks, type Finding } from './finding.ts'

/** Kubernetes' own, on every CustomResourceDefinition that has objects. */
const ofCrds = 'customresourcecleanup.apiextensions.k8s.io'

/** Finalizers on what is to go that neither Flux nor Kubernetes will take off: whoever put them there wanted to do something first. */
export function judgeFinalizers(held: readonly Held[], crds: readonly KubeObject[], namespace: KubeObject | undefined): Finding[] {
  const others = [...crds, ...(namespace === undefined ? [] : [namespace])].map((object) => ({
    ref: refOf(object),
    foreign: object.metadata.finalizers.filter((finalizer) => finalizer !== ofCrds),
  }))
  return [...held, ...others].filter(({ foreign }) => foreign.length > 0).map(({ ref, foreign }) => findingOf(ref, foreign))
}

function findingOf(ref: Ref, foreign: readonly string[]): Finding {
  const where = ref.namespace === undefined ? '' : `--namespace ${ref.namespace} `
  return blocks(
    `${nameOf(ref)} has a finalizer that is not Flux's: ${foreign.join(', ')}`,
    `let whoever put it there finish; if that is gone for good: kubectl ${where}edit ${ref.kind} ${ref.name}, and take it out of metadata.finalizers`,
  )
}
