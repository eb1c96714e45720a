import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { isProcessRunning } from '../process-record.ts'
import { startOf } from '../../lib/process/process-start.ts'

const holderSchema = v.pipe(v.string(), v.parseJson(), v.object({ pid: v.number(), started: v.string(), name: v.string() }))

/**
 * Runs `body` while holding a lock, which one process at a time can have. That a holder was killed is seen by its process being gone, and its
 * lock is taken over. Two that take over at the same instant may both get it, so `body` must be right even then, if only by doing things twice.
 * @param waitingFor receives, again and again, which process has it
 */
export async function withLock<T>(
  file: string,
  waitingFor: (pid: number) => void,
  body: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? '', name: randomUUID() })
  while (!(await take(file, mine))) {
    const theirs = await contentOf(file)
    const holder = v.safeParse(holderSchema, theirs)
    if (holder.success && isProcessRunning(holder.output)) {
      waitingFor(holder.output.pid)
      await pause(300)
      signal?.throwIfAborted()
    } else await release(file, theirs)
  }
  try {
    return await body()
  } finally {
    await release(file, mine)
  }
}

/** The lock appears with its content, never empty: a file is written, then given the lock's name. */
async function take(file: string, content: string): Promise<boolean> {
  const written = `${file}.${randomUUID()}`
  await writeFile(written, content)
  try {
    await link(written, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(written, { force: true })
  }
}

async function release(file: string, content: string): Promise<void> {
  if ((await contentOf(file)) === content) await rm(file, { force: true })
}

async function contentOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}
