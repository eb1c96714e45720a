import type { Cluster } from './client.ts'
import { onChange, type Watched } from './watch.ts'

export interface Wait<T> {
  /** Where a change shows that may end the wait; nothing where it shows in no collection, and is only asked for again and again. */
  readonly watches: readonly Watched[]
  /** The longest it may take, in milliseconds. */
  readonly timeout: number
  /** The look is taken again at least this often, should a watch miss something, in milliseconds; 2 s unless given. */
  readonly every?: number
  readonly look: () => Promise<T>
  readonly isOver: (seen: T) => boolean
  /** After each look that did not end the wait, and while there is time: tells what is waited for, or does its part again. */
  readonly meanwhile?: (seen: T) => void | Promise<void>
}

/**
 * Takes a look, and takes it again at every change, until the wait is over or its time is. The look is taken at least once, and once more
 * after the time is over.
 * @returns the last look; whether it ended the wait is asked of `isOver`
 */
export async function waitUntil<T>(cluster: Cluster, { watches, timeout, every = 2000, look, isOver, meanwhile }: Wait<T>): Promise<T> {
  const deadline = Date.now() + timeout
  const changes = onChange(cluster, watches)
  try {
    for (;;) {
      const seen = await look()
      if (isOver(seen) || Date.now() >= deadline) return seen
      await meanwhile?.(seen)
      await changes.next(Math.max(0, Math.min(deadline - Date.now(), every)))
    }
  } finally {
    changes.stop()
  }
}
