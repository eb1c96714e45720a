import { type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'

/**
 * Objects in Flux's namespace that are someone else's would go with it.
 * @param isCarried whether the capture carries the object, so that a restore brings it back
 */
export function judgeContent(others: readonly Ref[], namespace: KubeObject | undefined, isCarried: (ref: Ref) => boolean): Finding[] {
  if (namespace === undefined) return []
  const lost = others.filter((ref) => !isCarried(ref))
  if (lost.length === 0) return []
  const { name, deletionTimestamp } = namespace.metadata
  const names = `${lost.slice(0, 10).map(nameOf).join(', ')}${lost.length > 10 ? ` and ${lost.length - 10} more` : ''}`
  if (deletionTimestamp !== undefined)
    return [notice(`the namespace ${name} is being deleted already, and with it what is not Flux's: ${names}`)]
  return [
    blocks(
      `the namespace ${name} contains objects that are not Flux's and would be deleted with it: ${names}`,
      'keep the namespace with --keep-namespace, or move them elsewhere first',
    ),
  ]
}

/** What cannot be seen would go with the namespace, or keep it from going. */
export function judgeUnseen(unseen: readonly string[], namespace: string, keepsNamespace: boolean): Finding[] {
  if (unseen.length === 0) return []
  const what = `whether ${namespace} contains objects of these kinds is not known, because their API does not answer: ${unseen.join(', ')}`
  return [
    keepsNamespace ? notice(what) : blocks(what, 'repair their API (kubectl get apiservices), or keep the namespace with --keep-namespace'),
  ]
}
