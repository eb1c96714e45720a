import { blocks, type Finding, notice } from '../../../preflight/preflight.ts'
import type { PulumiLockHolder } from '../pulumi-locks.ts'
import type { StackState } from '../pulumi-output.ts'
import type { Stack } from '../pulumi-stack.ts'

/** Whether the stack is this cluster's, and no controller is working on it or has left it halfway. */
export async function checkStackState(stack: Stack, cluster: string, isOwnWork: boolean): Promise<Finding[]> {
  return judgeStackState(stack, await stack.readState(), await stack.readLocks(), { cluster, isOwnWork })
}

/**
 * @param run.cluster the UID of its kube-system
 * @param run.isOwnWork that this very run was interrupted in the midst of `pulumi up`: then it clears what it left
 */
export function judgeStackState(
  { name, typed }: Pick<Stack, 'name' | 'typed'>,
  { pending, cluster: last }: StackState,
  locks: readonly PulumiLockHolder[],
  { cluster, isOwnWork }: { readonly cluster: string; readonly isOwnWork: boolean },
): Finding[] {
  const findings: Finding[] = []
  if (last !== undefined && last !== cluster) {
    findings.push(
      blocks(
        `the Pulumi stack ${name} was deployed to another cluster: the UID of its kube-system was ${last}, and is ${cluster} here`,
        'name the stack of this cluster in PULUMI_STACK',
      ),
    )
  }
  const isLeft = isOwnWork && locks.every(({ isGone }) => isGone)
  if (isLeft) {
    if (locks.length + pending.length === 0) return findings
    return [
      ...findings,
      notice(`pulumi up of this run was interrupted, and left the stack ${name} locked or halfway: this run clears that`),
    ]
  }
  for (const { who, isGone } of locks) {
    const left = isGone ? ', which is gone' : ''
    findings.push(
      blocks(
        `the Pulumi stack ${name} is locked by ${who}${left}`,
        isGone ? typed('cancel') : `wait until it ends; or: ${typed('cancel')}`,
      ),
    )
  }
  if (pending.length > 0) {
    findings.push(
      blocks(
        `the Pulumi stack ${name} has operations that were interrupted: ${pending.join(', ')}`,
        `check whether they were carried out, then: ${typed('refresh --clear-pending-creates')}`,
      ),
    )
  }
  return findings
}
