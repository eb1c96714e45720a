import type { Cluster } from '../../../kubernetes/client.ts'
import { kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { detachAnnotation, isDetached } from '../../../flux/annotations.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { describeSuspension, detachmentIn, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import { fluxCommand } from '../steps/flux-command.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'

/**
 * What a person has stopped on the way from Git to the FluxInstance, or to the controllers where Git has their manifests: an upgrade would be
 * pushed, waited for until the timeout, and rolled back.
 * @param hasNewOperator whether the operator's own release is on that way too
 */
export async function checkChain(cluster: Pick<Cluster, 'get'>, place: FluxPlace, hasNewOperator: boolean): Promise<Finding[]> {
  const { source, kustomizations, operatorRelease, instanceRelease, instance } = refsIn(place)
  const releases = [hasNewOperator ? operatorRelease : undefined, instanceRelease].filter((ref) => ref !== undefined)
  const charts = releases.map((release): Ref => ({ ...release, ...fluxKinds.ociRepository }))
  const found = await Promise.all([source, ...kustomizations, ...charts, ...releases].map((ref) => cluster.get(ref)))
  // A Kustomization leaves out what is annotated so; helm-controller does not read that on what it releases.
  const applied = instance === undefined || instanceRelease !== undefined ? undefined : await cluster.get(instance)
  return [
    ...found.flatMap((object) => (object === undefined ? [] : [...suspensionOf(object), ...detachmentOf(object)].slice(0, 1))),
    ...(applied === undefined ? [] : detachmentOf(applied)),
  ]
}

const sinceWhen = (time: string | undefined): string => (time === undefined ? '' : ` since ${time}`)

function suspensionOf(object: KubeObject): Finding[] {
  if (!isSuspended(object)) return []
  const ref = refOf(object)
  const suspension = suspensionIn(object.metadata)
  const what = `${nameOf(ref)} is ${describeSuspension(suspension)}${sinceWhen(suspension.since)}: no change to Flux in Git reaches the cluster`
  return [blocks(what, `find out why, then: ${fluxCommand('resume', ref)}`)]
}

function detachmentOf(object: KubeObject): Finding[] {
  if (!isDetached(object)) return []
  const ref = refOf(object)
  const { by, via, since } = detachmentIn(object.metadata)
  const what = `${nameOf(ref)} is annotated ${detachAnnotation}: disabled by ${by} (${via})${sinceWhen(since)}: Git's changes to it do not reach the cluster`
  return [blocks(what, `find out why, then: ${kubectlCall('annotate', ref, `${detachAnnotation}-`)}`)]
}
