import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { historyOf } from '../../lib/health/git-history.ts'

const home = mkdtempSync(join(tmpdir(), 'history-test-'))
const url = join(home, 'fleet.git')
const signal = new AbortController().signal
const git = (...args: string[]): string => execFileSync('git', ['-C', url, ...args], { encoding: 'utf8' }).trim()
const begin = Date.parse('2026-01-01T00:00:00Z') / 1000

/** A line of commits, a minute apart, with these words for a message; returns the last. */
function line(branch: string, words: string, count: number): string {
  const commits = Array.from(
    { length: count },
    (_, at) => `commit refs/heads/${branch}\ncommitter A <a@b> ${begin + at * 60} +0000\ndata <<END\n${words} ${at}\nEND\n\n`,
  )
  execFileSync('git', ['-C', url, 'fast-import', '--quiet', '--force'], { input: commits.join('') })
  return git('rev-parse', branch)
}

beforeAll(() => void execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', url]))
afterAll(() => rmSync(home, { recursive: true }))

let folders = 0
async function isRewritten(branch: string, fetched: string, minutes: number): Promise<boolean> {
  const remote = { url, ref: `refs/heads/${branch}`, login: { kind: 'none' } } as const
  const seen = { head: git('rev-parse', branch), fetched, at: (begin + minutes * 60) * 1000 }
  return (await historyOf(remote, seen, join(home, `clone-${folders++}`), signal)).isRewritten
}

test('a commit that Flux has fetched is among those before the head, or the history was rewritten', async () => {
  const before = line('main', 'first', 3)
  line('long', 'long', 150)
  expect(await isRewritten('main', git('rev-parse', 'main^'), 2)).toBe(false)
  expect(await isRewritten('main', '', NaN)).toBe(false) // it has fetched nothing yet
  line('main', 'other', 4)
  expect(await isRewritten('main', before, 2)).toBe(true)
  // A hundred commits are looked through: all of those since it was fetched, or nothing is said.
  expect(await isRewritten('long', before, 140)).toBe(true)
  expect(await isRewritten('long', before, 20)).toBe(false)
})
