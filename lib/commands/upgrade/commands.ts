import { commitOf, type UpgradeState } from './state.ts'
import type { StepSequence } from '../../runner/execute.ts'
import type { Target } from '../../connection/target.ts'
import type { UpgradeStage } from './stage.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { refsIn } from '../../flux/refs.ts'
import { fluxCommand } from './steps/flux-command.ts'

/** What its own command is made of. */
type CommandParts = Pick<UpgradeStage, 'script' | 'branch'> & { readonly target: Pick<Target, 'context' | 'where'> }

/** What a person types to try again. */
export function commandOf({ script, target, branch }: CommandParts, { from, to }: Pick<UpgradeState, 'from' | 'to'>): string {
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
  notes: Pick<UpgradeState, 'from' | 'to'>,
  open: { readonly branch: string; readonly into: string; readonly cluster: string },
): NonNullable<StepSequence['ifStopped']> {
  return (steps, hasBegun) => {
    const last = steps.at(-1)
    if (last?.id !== 'merge' || last.state !== 'failed') return undefined
    return {
      state: `${open.cluster}; branch ${open.branch} is open, and is not merged into ${open.into}`,
      remedy: `merge it, then: ${commandOf(stage, notes)}${hasBegun ? ' --resume' : ''}`,
    }
  }
}

/**
 * What is so where a run stops once Git has the change: Flux applies that by itself, whether a run watches it or not.
 * @param commit "" as long as nothing is known to have been pushed
 */
export function stoppedAfterPush(commit: () => string, into: string): NonNullable<StepSequence['ifStopped']> {
  return (steps) => {
    const pushed = commit()
    if (pushed === '' || steps.every(({ state }) => state === 'already')) return undefined
    return {
      state: `${into} has the new version since ${pushed.slice(0, 12)}, and Flux applies it by itself; until this run continues, nobody verifies that or rolls it back`,
    }
  }
}

/** What finishes a rollback by hand, once Git answers. */
export function commandsOf({ script, target, memory, branch }: UpgradeStage, { place, before, from }: UpgradeState): string[] {
  const { source, applier } = refsIn(place)
  const lines = Object.entries(before).map(([key, value]) => `${key}: "${value}"`)
  const commit = commitOf(memory)
  const isRelease = applier.kind === fluxKinds.helmRelease.kind
  return [
    `npx zx scripts/${script}.ts ${target.where} --resume${branch === undefined ? '' : ` --branch ${branch}`}   # finishes all of it`,
    `or by hand: git revert ${commit === '' ? 'COMMIT' : commit.slice(0, 12)} && git push   # ${lines.join(', ')}`,
    `flux --namespace ${source.namespace} reconcile source git ${source.name}`,
    // Resumed before, it would bring the newer version again.
    ...(isRelease
      ? [
          `kubectl --namespace ${applier.namespace} wait helmrelease/${applier.name} --for=jsonpath='{.spec.values.instance.distribution.version}'=${from.flux} --timeout=5m`,
        ]
      : []),
    fluxCommand('resume', applier),
  ]
}
