import { setTimeout as pause } from 'node:timers/promises'
import { isConflict, isNotFound } from '../../lib/kubernetes/client.ts'
import { ApiError } from '../../lib/kubernetes/http.ts'
import { messageOf } from '../../lib/base/errors.ts'

/**
 * Writes to the API until it took it, however long it is away. A write whose object is gone, or that is refused for good, is given up:
 * the object's next event shows what to do instead.
 */
export async function persistently(
  what: string,
  write: () => Promise<unknown>,
  signal: AbortSignal,
  log: (text: string) => void,
): Promise<'done' | 'given up'> {
  while (!signal.aborted) {
    try {
      await write()
      return 'done'
    } catch (error) {
      if (signal.aborted || isNotFound(error) || isConflict(error)) return 'given up'
      log(`${what}: ${messageOf(error)}`)
      if (!(error instanceof ApiError) || (error.status !== 0 && error.status !== 429 && error.status < 500)) return 'given up'
      await pause(1000, undefined, { signal }).catch(() => undefined)
    }
  }
  return 'given up'
}
