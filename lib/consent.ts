import { OperatorError } from './errors.ts'
import { askText, canAsk } from './prompt.ts'
import type { Planned } from './plan.ts'
import type { Run } from './run.ts'

/**
 * What the person consents to, by flag or when asked. `missing` is a job without a terminal and without the flag. A dry run needs no
 * consent.
 */
export type Consent = 'dry-run' | { readonly changes: 'given' | 'ask' | 'missing'; readonly destroys: 'given' | 'ask' | 'missing' }

/**
 * The consent that the flags give on this context.
 * @throws OperatorError `usage` where --destroy names another context
 */
export function consentOf(flags: { yes?: boolean; destroy?: string; 'dry-run'?: boolean }, context: string): Consent {
  if (flags.destroy !== undefined && !flags.destroy.split(',').includes(context)) {
    throw new OperatorError(`--destroy names ${flags.destroy}, but the context in use is ${context}. Nothing was changed`, {
      kind: 'usage',
      remedy: `--destroy=${context}, if that is the cluster you mean`,
    })
  }
  if (flags['dry-run'] === true) return 'dry-run'
  const otherwise = canAsk() ? 'ask' : 'missing'
  return { changes: flags.yes === true ? 'given' : otherwise, destroys: flags.destroy === undefined ? otherwise : 'given' }
}

/**
 * Makes sure, before the first step, of every consent the run may need: has the context's name typed where something will be destroyed.
 * @param alsoDestroys why the run may have to destroy something although no step of the plan does
 * @throws OperatorError `usage` where a job lacks a flag, or the name typed is another
 */
export async function verifyConsent(
  plan: readonly Planned[],
  consent: Exclude<Consent, 'dry-run'>,
  run: Run,
  alsoDestroys: string | undefined,
): Promise<void> {
  const destroying = plan.filter(({ step, look }) => step.risk === 'destroy' && look?.is !== 'done').map(({ step }) => step.title)
  const isDestructive = destroying.length > 0 || alsoDestroys !== undefined
  const lacking = [
    ...(consent.changes === 'missing' && plan.some(({ look }) => look === undefined || look.is === 'todo') ? ['--yes'] : []),
    ...(isDestructive && consent.destroys === 'missing' ? [`--destroy=${run.context}`] : []),
  ]
  if (lacking.length > 0) {
    throw new OperatorError('nothing was changed: there is no terminal to ask for consent on', {
      kind: 'usage',
      remedy: `npx zx scripts/${run.script}.ts … ${lacking.join(' ')}`,
    })
  }
  if (!isDestructive || consent.destroys === 'given') return
  run.console.warning(`on ${run.place} this destroys: ${alsoDestroys ?? destroying.join('; ')}`)
  if ((await askText(`To consent, type the context's name, ${run.context}:`)) === run.context) return
  throw new OperatorError(`that is not ${run.context}; nothing was changed`, {
    kind: 'usage',
    remedy: `the same command again, and ${run.context} typed, if that is the cluster you mean`,
  })
}
