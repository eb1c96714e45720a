import { OperatorError } from '../base/errors.ts'
import { askText, canAsk } from '../terminal/prompt.ts'
import type { PlanEntry } from './plan.ts'
import type { StepContext } from './step.ts'
import type { StepStatus, Step, TodoStatus } from './step.ts'

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
  plan: readonly PlanEntry[],
  consent: Exclude<Consent, 'dry-run'>,
  run: StepContext,
  alsoDestroys: string | undefined,
): Promise<void> {
  const destroying = plan.filter(({ step, status }) => step.risk === 'destroy' && status?.is !== 'done').map(({ step }) => step.title)
  const isDestructive = destroying.length > 0 || alsoDestroys !== undefined
  const lacking = [
    ...(consent.changes === 'missing' && plan.some(({ status }) => status === undefined || status.is === 'todo') ? ['--yes'] : []),
    ...(isDestructive && consent.destroys === 'missing' ? [`--destroy=${run.context}`] : []),
  ]
  if (lacking.length > 0) {
    throw new OperatorError('nothing was changed: there is no terminal to ask for consent', {
      kind: 'usage',
      remedy: run.again(...lacking),
    })
  }
  if (!isDestructive || consent.destroys === 'given') return
  run.console.warning(`on ${run.place} this cannot be undone: ${alsoDestroys ?? destroying.join('; ')}`)
  await verifyNameTyped(run, 'nothing was changed')
}

async function verifyNameTyped({ context, again }: StepContext, state: string): Promise<void> {
  if ((await askText(`To consent, type the context's name, ${context}:`)) === context) return
  throw new OperatorError(`that is not ${context}; ${state}`, {
    kind: 'usage',
    remedy: `if that is the cluster you mean, type ${context} at: ${again()}`,
  })
}

/** That the plan saw nothing to be done where now there is something: nobody has consented to it yet, not with all that remained either. */
export function isUnforeseen(planned: StepStatus | undefined): boolean {
  return planned !== undefined && planned.is !== 'todo'
}

/**
 * Makes sure of the consent to what one step is about to do, where the plan did not say so: the world has moved since.
 * @param planned what the plan saw; undefined where it could not check yet
 * @throws OperatorError `usage` where a job lacks the flag, or the name typed is another
 */
export async function verifyConsentTo(
  step: Step,
  status: TodoStatus,
  planned: StepStatus | undefined,
  consent: Exclude<Consent, 'dry-run'>,
  run: StepContext,
): Promise<void> {
  if (!isUnforeseen(planned)) return
  const destroys = step.risk === 'destroy' && planned?.is === 'done'
  const lacking = [
    ...(consent.changes === 'missing' ? ['--yes'] : []),
    ...(destroys && consent.destroys === 'missing' ? [`--destroy=${run.context}`] : []),
  ]
  if (lacking.length > 0) {
    throw new OperatorError(`${step.title}: there is something to do that the plan did not show, and no consent to it: ${status.change}`, {
      kind: 'usage',
      remedy: run.again(...lacking),
    })
  }
  if (!destroys || consent.destroys === 'given') return
  run.console.warning(`on ${run.place} this cannot be undone: ${step.title}: ${status.change}`)
  await verifyNameTyped(run, `this was not started: ${step.title}`)
}
