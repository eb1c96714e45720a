import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { parseQuantity } from './environment.ts'
import type { ContainerSpec } from './pod-spec.ts'

/** How often a process is checked, in milliseconds: what is over its limit for less than that gets away with it. */
const every = 500

/** The container's memory limit in bytes; undefined where it has none. */
export function memoryLimitOf({ resources }: ContainerSpec): number | undefined {
  const limit = resources.limits?.['memory']
  return limit === undefined ? undefined : parseQuantity(String(limit))
}

/**
 * Watches a process until `over` aborts. What counts is its anonymous memory: a cgroup gives pages of files back before it has anything
 * killed, and a program that is one big file would have none here.
 * @param exceeded is called once, when the process holds more than `limit` bytes
 */
export async function watchMemory(pid: number, limit: number, over: AbortSignal, exceeded: () => void): Promise<void> {
  while (!over.aborted) {
    const held = await anonymousMemory(pid)
    if (held === undefined) return
    if (held > limit) return exceeded()
    await pause(every, undefined, { signal: over, ref: false }).catch(() => undefined)
  }
}

/** In bytes; undefined where there is no such process any more, or no /proc, as on a Mac. */
export async function anonymousMemory(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}
