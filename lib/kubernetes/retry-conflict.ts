import { showDuration } from '../base/duration.ts'
import { OperatorError } from '../base/errors.ts'
import { isConflict } from './client.ts'

/**
 * Writes, and writes again on what is there by then, as long as others write in between.
 * @param what as shown to people, where that never ends: `remove Flux's finalizers from GitRepository apps/shop`
 * @param timeout the longest it may take, in milliseconds
 */
export async function retryOnConflict(what: string, timeout: number, write: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + timeout
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!isConflict(error)) throw error
      if (Date.now() < deadline) continue
      throw new OperatorError(`gave up trying to ${what}: another client changed it each time, for ${showDuration(timeout)}`, {
        remedy: 'find out who, in its metadata.managedFields; then: --resume',
        cause: error,
      })
    }
  }
}
