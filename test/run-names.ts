import type { StepContext } from '../lib/runner/step.ts'

/** What a run has that few tests are about: its commands are named as they are, and nobody takes its lock. */
export const asTyped: Pick<StepContext, 'again' | 'addressed' | 'verifyLocked'> = {
  again: (...flags) => ['npx zx scripts/bootstrap.ts --context infra', ...flags].join(' '),
  addressed: (command) => command,
  verifyLocked: () => Promise.resolve(),
}
