import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clearLeftovers, createRecord, leftovers } from '../../../lab/process-record.ts'
import { startOf } from '../../../lib/process/process-start.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-'))
  file = join(folder, 'processes.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('recorded processes that still run are found and ended', async () => {
  const record = createRecord(file)
  const child = spawn('sleep', ['60'])
  const ended = once(child, 'exit')
  const pid = child.pid ?? 0
  record.add('sleeper', pid)
  expect(leftovers(file)).toEqual([{ name: 'sleeper', pid, started: startOf(pid) }])
  expect(await clearLeftovers(file)).toHaveLength(1)
  expect(await ended).toEqual([null, 'SIGKILL'])
  expect(startOf(pid)).toBeUndefined()
  expect(leftovers(file)).toEqual([])
})

test("another process that got a recorded one's number is left alone", async () => {
  writeFileSync(file, JSON.stringify([{ name: 'mine', pid: process.pid, started: 'long ago' }]))
  expect(await clearLeftovers(file)).toEqual([])
})

test('no record, and a broken one, are nothing left', async () => {
  expect(leftovers(file)).toEqual([])
  writeFileSync(file, '[{"pid":')
  expect(await clearLeftovers(file)).toEqual([])
})

test('what ended by itself is forgotten', () => {
  const record = createRecord(file)
  record.add('this', process.pid)
  record.remove(process.pid)
  expect(readFileSync(file, 'utf8')).toBe('[]')
})
