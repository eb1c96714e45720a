import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tailStart } from '../../../lab/node/kubelet-server.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flux-runbook-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function tail(text: string, lines: number): Promise<string> {
  const path = join(folder, 'log')
  writeFileSync(path, text)
  const file = await open(path)
  try {
    return text.slice(await tailStart(file, lines))
  } finally {
    await file.close()
  }
}

describe('the last lines of a log', () => {
  test.each([
    ['a\nb\nc\n', 1, 'c\n'],
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc\n', 9, 'a\nb\nc\n'],
    ['a\nb\nc', 1, 'c'],
    ['a\n\n', 1, '\n'],
    ['a\nb\n', 0, ''],
    ['', 3, ''],
  ])('%j, %i of them', async (text, lines, expected) => {
    expect(await tail(text, lines)).toBe(expected)
  })

  test('are found across blocks', async () => {
    const line = `${'x'.repeat(50_000)}\n`
    expect(await tail(line.repeat(5), 3)).toBe(line.repeat(3))
  })
})
