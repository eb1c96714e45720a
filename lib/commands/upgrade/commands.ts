import { commitOf, type UpgradeNotes } from './state.ts'
import type { StepSequence } from '../../runner/execute.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import type { UpgradeStage } from './stage.ts'

/** What its own command is made of. */
type CommandParts = Pick<UpgradeStage, 'script' | 'branch'> & { readonly target: Pick<Target, 'context' | 'where' | 'inGit'> }

/** What a person types to try again. */
export function commandOf({ script, target, branch }: CommandParts, { from, to }: Pick<UpgradeNotes, 'from' | 'to'>): string {
  const flags = [
    ...(from.flux === to.flux ? [] : [`--to ${to.flux}`]),
    ...(from.operator === to.operator ? [] : [`--operator ${to.operator}`]),
    ...(branch === undefined ? [] : [`--branch ${branch}`]),
  ]
  return [`npx zx scripts/${script}.ts`, target.where, ...flags].join(' ')
}

/** What is so, and what is next, where a run stops while it waits for a merge. */
export function stoppedAtMerge(
  stage: CommandParts,
  notes: Pick<UpgradeNotes, 'from' | 'to'>,
  open: { readonly branch: string; readonly cluster: string },
): NonNullable<StepSequence['ifStopped']> {
  return (steps, hasBegun) => {
    const last = steps.at(-1)
    if (last?.id !== 'merge' || last.state !== 'failed') return undefined
    const into = inGitOf(stage.target, stage.script).remote.ref.replace(/^refs\/heads\//, '')
    return {
      state: `${open.cluster}; branch ${open.branch} is open, and is not merged into ${into}`,
      remedy: `merge it, then: ${commandOf(stage, notes)}${hasBegun ? ' --resume' : ''}`,
    }
  }
}

/** What finishes a rollback by hand, once Git answers. */
export function commandsOf({ script, target, memory, branch }: UpgradeStage, { place, before, from }: UpgradeNotes): string[] {
  const namespace = `--namespace ${place.namespace}`
  const lines = Object.entries(before).map(([key, value]) => `${key}: "${value}"`)
  const commit = commitOf(memory)
  return [
    `npx zx scripts/${script}.ts ${target.where} --resume${branch === undefined ? '' : ` --branch ${branch}`}   # finishes all of it`,
    `or by hand: git revert ${commit === '' ? 'COMMIT' : commit.slice(0, 12)} && git push   # ${lines.join(', ')}`,
    `flux ${namespace} reconcile source git ${place.syncName}`,
    // Resumed before, it would bring the newer version again.
    `kubectl ${namespace} wait helmrelease/${place.instanceRelease} --for=jsonpath='{.spec.values.instance.distribution.version}'=${from.flux} --timeout=5m`,
    `flux ${namespace} resume helmrelease ${place.instanceRelease}`,
  ]
}
