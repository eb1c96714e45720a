import { decodeRelease } from '../flux/helm-release.ts'
import { recordName } from '../flux/helm-storage.ts'
import { conditionOf, type FluxObject } from '../flux/object.ts'
import { deletionOf, kinds, type KubeObject, type Ref, refOf } from '../kubernetes/objects.ts'
import type { Part } from './part.ts'

/**
 * The Secret that Helm keeps the revision in that a HelmRelease says is deployed, and that does not exist. helm-controller sees that only
 * when it next reconciles, and then installs the release again. A release that is being changed may have none that is deployed.
 */
export function lostRecord(owner: FluxObject): Part[] {
  const [latest] = owner.history
  if (latest?.status !== 'deployed' || conditionOf(owner, 'Ready')?.status !== 'True') return []
  const { namespace, name } = owner.release
  const ref = { ...kinds.secret, namespace, name: recordName(name, latest.version) }
  return [partOf(ref, owner, { reason: `does not exist; ${owner.name} says that Helm keeps its release in it`, damage: 'part-gone' })]
}

/**
 * That Secret, if it does not stay or Helm cannot read it: helm-controller can then neither upgrade the release nor install it again.
 * @param isRead that it has been read already, which takes long
 */
export function faultyRecord(secret: KubeObject, owner: FluxObject, isRead: boolean): Part[] {
  const { deletionTimestamp: since = '', finalizers } = secret.metadata
  const deletion = deletionOf(secret)
  if (deletion !== undefined) {
    const held = finalizers.length === 0 ? '' : `, held by its finalizer ${finalizers.join(', ')}`
    return [partOf(refOf(secret), owner, { reason: `${deletion}${held}; Helm keeps ${owner.name} in it`, since, damage: 'part-gone' })]
  }
  const stored = isRead ? undefined : decodeRelease(secret)
  if (stored?.is !== 'unreadable') return []
  const reason = `Helm cannot read the release of ${owner.name} in it: ${stored.why}`
  return [partOf(refOf(secret), owner, { reason, damage: 'release-unreadable' })]
}

function partOf(ref: Ref, owner: FluxObject, fault: NonNullable<Part['fault']>): Part {
  return { ref, by: owner.name, keeper: { is: 'flux', ref: owner.ref }, fault }
}
