import type { Cluster } from './client.ts'
import { onChange, type WatchTarget } from './watch.ts'

export interface Wait<T> {
  /** Where a change shows that may end the wait; nothing where it shows in no collection, and is only asked for again and again. */
  readonly watches: readonly WatchTarget[]
  /** The longest it may take, in milliseconds. */
  readonly timeout: number
  /** The check is repeated at least this often in case a watch misses something, in milliseconds; 2 s unless given. */
  readonly every?: number
  readonly check: () => Promise<T>
  readonly isOver: (seen: T) => boolean
  /** After each check that did not end the wait, while there is time: reports what is waited for, or does its part again. */
  readonly meanwhile?: (seen: T) => void | Promise<void>
}

/**
 * Checks now and at every change, until the wait is over or times out. Checks at least once, and once more
 * after the time is over.
 * @returns the last check's result; ask `isOver` whether it ended the wait
 */
export async function waitUntil<T>(cluster: Cluster, { watches, timeout, every = 2000, check, isOver, meanwhile }: Wait<T>): Promise<T> {
  const deadline = Date.now() + timeout
  const changes = onChange(cluster, watches)
  try {
    for (;;) {
      const seen = await check()
      if (isOver(seen) || Date.now() >= deadline) return seen
      await meanwhile?.(seen)
      await changes.next(Math.max(0, Math.min(deadline - Date.now(), every)))
    }
  } finally {
    changes.stop()
  }
}
