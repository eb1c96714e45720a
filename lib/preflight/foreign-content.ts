import { type KubeObject, nameOf, type Ref } from '../cluster/objects.ts'
import { blocks, type Finding, notice } from './finding.ts'

/**
 * Objects in Flux's namespace that are somebody else's would go with it.
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
      `the namespace ${name} holds what is not Flux's, and would take it along: ${names}`,
      'keep the namespace with --keep-namespace, or move them elsewhere first',
    ),
  ]
}
