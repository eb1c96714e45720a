import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from './client.ts'
import { ApiError } from './http.ts'

/** That a server answered, and not with what was asked for: what it serves there cannot be read, this time or ever. */
function isBroken(error: unknown): boolean {
  return error instanceof ApiError && [406, 500, 501, 502].includes(error.status)
}

/** That nobody answers there: the API itself, or the server of an aggregated API behind it. */
function isSilent(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 503 || error.status === 504)
}

/** How often a server of an aggregated API is asked while the API itself answers, and how long it is left alone in between. */
const attempts = 3
const between = 500

/**
 * Checks what may be served by a server of its own, whose failure is not the API's: an aggregated API that is down holds nobody up. An
 * API that itself cannot be reached is waited for.
 * @param read is given a cluster whose `read` tries once
 * @returns undefined where the API answers, and this part of it does not
 */
export async function orUnanswered<C extends Pick<Cluster, 'read'>, T>(
  cluster: C,
  read: (cluster: C) => Promise<T>,
): Promise<T | undefined> {
  const once: C = { ...cluster, read: (path, accept) => cluster.read(path, accept, { isTriedAgain: false }) }
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      return await read(once)
    } catch (error) {
      if (isBroken(error)) return undefined
      if (!isSilent(error)) throw error
      await cluster.read('/version')
      if (attempt < attempts) await pause(between)
    }
  }
  return undefined
}
