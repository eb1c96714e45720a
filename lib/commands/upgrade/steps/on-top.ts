import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../../../base/errors.ts'
import type { Remote } from '../../../tools/git.ts'
import { PushError } from '../../../tools/git-clone.ts'

/** How long it is before Git is tried again, in milliseconds. */
export const betweenTries = 3_000

/** How often it is started again on a new head: two hundred clusters may have one repository. */
const mostHeads = 20

/** Pushes, again on each new head that others push meanwhile, as the other clusters of a fleet do: nothing was pushed then. */
export async function untilOnTop(signal: AbortSignal, push: () => Promise<void>): Promise<void> {
  for (let heads = 1; ; heads += 1) {
    try {
      return await push()
    } catch (error) {
      if (!(error instanceof PushError) || error.because !== 'moved-on' || heads === mostHeads) throw error
      await pause(Math.random() * betweenTries, undefined, { signal }) // not all at once again
    }
  }
}

/** What another has changed where this was to change it. */
export function changedMeanwhile({ url }: Remote, file: string): OperatorError {
  return new OperatorError(`${file} was changed in ${url} while this run prepared its commit, and nothing was pushed`, {
    remedy: 'check what was changed; to start from its new head: the same command',
  })
}
