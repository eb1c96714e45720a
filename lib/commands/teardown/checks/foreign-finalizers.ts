import type { HeldObject } from '../../../flux/held-objects.ts'
import { kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { isKubernetesFinalizer } from '../../../flux/finalizers.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

/** Kubernetes' own, on every CustomResourceDefinition that has objects. */
const ofCrds = 'customresourcecleanup.apiextensions.k8s.io'

/** Finalizers on what is to go that neither Flux nor Kubernetes will remove: anyone who put them there wanted to do something first. */
export function judgeFinalizers(held: readonly HeldObject[], crds: readonly KubeObject[]): Finding[] {
  const ofDefinitions = crds.map((object) => ({
    ref: refOf(object),
    foreign: object.metadata.finalizers.filter((finalizer) => finalizer !== ofCrds),
  }))
  return [...held, ...ofDefinitions].filter(({ foreign }) => foreign.length > 0).map(({ ref, foreign }) => findingOf(ref, foreign))
}

/**
 * Finalizers on the namespace: anyone who put them there waits for its deletion to be asked for, as Rancher does, and then takes them off.
 * Only one that is still there although that was asked for blocks the run.
 * @param isAskedByRun that this very run has asked for it: then its own step waits, and says for what
 */
export function judgeNamespaceFinalizers(namespace: KubeObject | undefined, isAskedByRun: boolean): Finding[] {
  const { finalizers = [], deletionTimestamp } = namespace?.metadata ?? {}
  const foreign = finalizers.filter((finalizer) => !isKubernetesFinalizer(finalizer))
  if (namespace === undefined || foreign.length === 0) return []
  const ref = refOf(namespace)
  if (deletionTimestamp !== undefined && !isAskedByRun) return [findingOf(ref, foreign)]
  return [notice(`${nameOf(ref)} will be deleted once the owners of these finalizers have removed them: ${foreign.join(', ')}`)]
}

function findingOf(ref: Ref, foreign: readonly string[]): Finding {
  return blocks(
    `${nameOf(ref)} has a finalizer that is not Flux's: ${foreign.join(', ')}`,
    `let its owner finish; if the owner no longer exists: ${kubectlCall('edit', ref)}, and remove it from metadata.finalizers`,
  )
}
