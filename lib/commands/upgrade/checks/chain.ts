import type { Cluster } from '../../../kubernetes/client.ts'
import { kindArgument, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { detachAnnotation, isDetached } from '../../../flux/annotations.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { describeSuspension, detachmentIn, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import { printable } from '../../../base/shell-line.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'

/**
 * What a person has stopped on the way from Git to the FluxInstance: an upgrade would be pushed, waited for until the timeout, and taken back.
 * @param hasNewOperator whether the operator's own release is on that way too
 */
export async function checkChain(cluster: Pick<Cluster, 'get'>, place: FluxPlace, hasNewOperator: boolean): Promise<Finding[]> {
  const { source, kustomizations, operatorRelease, instanceRelease } = refsIn(place)
  const releases = hasNewOperator ? [operatorRelease, instanceRelease] : [instanceRelease]
  const charts = releases.map((release): Ref => ({ ...release, ...fluxKinds.ociRepository }))
  const found = await Promise.all([source, ...kustomizations, ...charts, ...releases].map((ref) => cluster.get(ref)))
  return found.flatMap((object) => (object === undefined ? [] : judge(object)))
}

function judge(object: KubeObject): Finding[] {
  const { metadata } = object
  const ref = refOf(object)
  const { namespace = '', name } = ref
  const since = (time: string | undefined): string => (time === undefined ? '' : ` since ${time}`)
  if (isSuspended(object)) {
    const suspension = suspensionIn(metadata)
    const what = `${nameOf(ref)} is ${describeSuspension(suspension)}${since(suspension.since)}: nothing that Git says of Flux reaches the cluster`
    return [blocks(what, `find out why, then: ${printable(['flux', '--namespace', namespace, 'resume', ...argumentOf(ref), name])}`)]
  }
  if (!isDetached(object)) return []
  const detachment = detachmentIn(metadata)
  const undo = printable(['kubectl', '--namespace', namespace, 'annotate', kindArgument(ref), name, `${detachAnnotation}-`])
  const what = `${nameOf(ref)} is annotated ${detachAnnotation}: disabled by ${detachment.by} (${detachment.via})${since(detachment.since)}: Git's changes to it do not reach the cluster`
  return [blocks(what, `find out why, then: ${undo}`)]
}

/** What the flux CLI calls these kinds. */
function argumentOf({ kind }: Ref): string[] {
  const sources: Readonly<Record<string, string>> = { GitRepository: 'git', OCIRepository: 'oci' }
  const source = sources[kind]
  return source === undefined ? [kind.toLowerCase()] : ['source', source]
}
