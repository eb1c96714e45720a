import type { StepContext } from '../lib/runner/step.ts'

/** How a run of a test names its commands: as they are. */
export const asTyped: Pick<StepContext, 'again' | 'addressed'> = {
  again: (...flags) => ['npx zx scripts/bootstrap.ts --context infra', ...flags].join(' '),
  addressed: (command) => command,
}
