import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { OperatorError } from '../lib/base/errors.ts'
import { startOf } from '../lib/process/process-start.ts'

/** A process by more than its number, which the system gives away again. */
const identitySchema = v.object({ pid: v.number(), started: v.string(), name: v.string() })
export type ProcessIdentity = v.InferOutput<typeof identitySchema>

/** Which processes a lab has started, on disk, so that the next one finds what is left of it. */
export interface ProcessRecord {
  readonly add: (name: string, pid: number) => void
  readonly remove: (pid: number) => void
}

/** An empty record in this file. */
export function createRecord(file: string): ProcessRecord {
  const running = new Map<number, ProcessIdentity>()
  const write = (): void => {
    writeFileSync(`${file}.new`, JSON.stringify([...running.values()], undefined, 2))
    renameSync(`${file}.new`, file)
  }
  write()
  return {
    add(name, pid) {
      const started = startOf(pid)
      if (started === undefined) return // it has ended already
      running.set(pid, { pid, started, name })
      write()
    },
    remove(pid) {
      if (running.delete(pid)) write()
    },
  }
}

/** The recorded processes that still run: the same ones, not others that got their numbers. */
export function leftovers(file: string): ProcessIdentity[] {
  if (!existsSync(file)) return []
  const recorded = v.safeParse(v.pipe(v.string(), v.parseJson(), v.array(identitySchema)), readFileSync(file, 'utf8'))
  return recorded.success ? recorded.output.filter(isProcessRunning) : []
}

/** Ends what is left of a dead lab and waits until it is gone. */
export async function clearLeftovers(file: string): Promise<ProcessIdentity[]> {
  const left = leftovers(file)
  for (const { pid } of left) endNow(pid)
  const deadline = Date.now() + 5000
  for (let still = left; still.length > 0; still = still.filter(isProcessRunning)) {
    if (Date.now() > deadline) {
      const names = still.map(({ name, pid }) => `${name} (${pid})`).join(', ')
      throw new OperatorError(`processes of an earlier lab do not end: ${names}`, {
        remedy: `kill -9 ${still.map(({ pid }) => pid).join(' ')}`,
      })
    }
    await pause(20)
  }
  return left
}

export function isProcessRunning({ pid, started }: ProcessIdentity): boolean {
  return startOf(pid) === started
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone in the meantime.
  }
}
