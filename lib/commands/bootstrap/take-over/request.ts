import { OperatorError } from '../../../base/errors.ts'
import { shellQuote } from '../../../base/shell-line.ts'
import type { RunState } from '../../../runner/run-state.ts'
import { formerOwner, hasBegun } from './identities.ts'

/** What a person has said of a Flux that is there already. */
export interface TakeOverRequest {
  readonly isAsked: boolean
  /** That this run has begun to take over before it was interrupted: what is left to take over may be nothing. */
  readonly hasBegun: boolean
  /** What had installed it, where this run has begun; else "". */
  readonly formerOwner: string
  /** The command that asks for it. */
  readonly command: string
}

/**
 * The request of a bootstrap, by its flags.
 * @param where the flags that name the cluster
 * @throws OperatorError `usage` where what installs is not what can take over
 */
export function requestTakeOver(
  own: { readonly via?: string | undefined; readonly path?: string | undefined; readonly 'take-over'?: boolean | undefined },
  where: string,
  memory: RunState,
): TakeOverRequest {
  const isAsked = own['take-over'] === true
  const { via = 'operator' } = own
  if (isAsked && via !== 'operator' && via !== 'pulumi') {
    throw new OperatorError(
      `--take-over has flux-operator or Pulumi take over what is there, and --via ${via} installs by another program`,
      {
        kind: 'usage',
        remedy: 'omit --via, or --take-over',
      },
    )
  }
  const by = via === 'pulumi' ? ' --via pulumi' : ''
  const command = `npx zx scripts/bootstrap.ts ${where}${own.path === undefined ? '' : ` --path ${shellQuote(own.path)}`}${by} --take-over`
  return { isAsked, hasBegun: hasBegun(memory), formerOwner: formerOwner(memory).installedBy, command }
}

/** What is said last: what is left to a person. */
export function lastOf(next: readonly string[] = [], via = 'operator'): string[] {
  const owner = via === 'pulumi' ? 'Pulumi' : 'flux-operator'
  return next.length === 0 ? [] : ['', `To finish the take-over, now that ${owner} has all of it:`, ...next]
}
