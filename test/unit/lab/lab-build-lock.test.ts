import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { withLock } from '../../../lab/build/lock.ts'
import { startOf } from '../../../lib/process/process-start.ts'

// A second takes ten milliseconds here.
vi.mock('node:timers/promises', async (importOriginal) => {
  const real = await importOriginal<{ setTimeout: (milliseconds: number) => Promise<void> }>()
  return { setTimeout: (milliseconds: number) => real.setTimeout(milliseconds / 100) }
})

let folder: string
let lock: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
  lock = join(folder, 'lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('one at a time, and it is gone afterwards', async () => {
  let inside = 0
  const waitedFor = new Set<number>()
  const work = async (): Promise<void> => {
    expect(++inside).toBe(1)
    await pause(1000)
    inside--
  }
  await Promise.all([1, 2, 3].map(() => withLock(lock, (pid) => waitedFor.add(pid), work)))
  expect([...waitedFor]).toEqual([process.pid])
  expect(readdirSync(folder)).toEqual([])
})

test('it is given back when the work fails', async () => {
  await expect(
    withLock(
      lock,
      () => undefined,
      () => Promise.reject(new Error('disk full')),
    ),
  ).rejects.toThrow('disk full')
  expect(existsSync(lock)).toBe(false)
})

test('it waits for a holder that lives, and takes over when it was killed', async () => {
  const holder = spawn('/bin/sleep', ['60'])
  const pid = holder.pid ?? 0
  writeFileSync(lock, JSON.stringify({ pid, started: startOf(pid), name: 'build' }))
  let had = false
  const waitedFor: number[] = []
  const got = withLock(
    lock,
    (one) => waitedFor.push(one),
    async () => void (had = true),
  )
  await expect.poll(() => waitedFor.length).toBeGreaterThan(1)
  expect(had).toBe(false)
  holder.kill('SIGKILL')
  await got
  expect(new Set(waitedFor)).toEqual(new Set([pid]))
})

test('a number that now is another process does not hold it', async () => {
  writeFileSync(lock, JSON.stringify({ pid: process.pid, started: 'long ago', name: 'build' }))
  expect(
    await withLock(
      lock,
      () => expect.fail('waited'),
      () => Promise.resolve('mine'),
    ),
  ).toBe('mine')
})
