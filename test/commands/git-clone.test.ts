import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { inClone } from '../../lib/git-clone.ts'
import type { Remote } from '../../lib/git.ts'

const file = 'settings.yaml'
const signal = new AbortController().signal
const seeded = mkdtempSync(join(tmpdir(), 'clone-seed-'))
let home: string
let within: string
let remote: Remote

const bare = (...args: string[]): string => execFileSync('git', ['-C', join(home, 'fleet.git'), ...args], { encoding: 'utf8' }).trim()

/** A repository as `git fast-import` makes it: in one process. */
beforeAll(() => {
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', seeded])
  const input = `commit refs/heads/main
committer A <a@b> 0 +0000
data 5
first
M 100644 inline ${file}
data 5
one\r

`
  execFileSync('git', ['-C', seeded, 'fast-import', '--quiet'], { input })
})
afterAll(() => rmSync(seeded, { recursive: true }))
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'clone-test-'))
  within = join(home, 'within')
  mkdirSync(within)
  remote = { url: join(home, 'fleet.git'), ref: 'refs/heads/main', login: { kind: 'none' } }
  cpSync(seeded, remote.url, { recursive: true })
})
afterEach(() => rmSync(home, { recursive: true }))

/** Commits and pushes as somebody else. */
const pushed = (content: string): Promise<string> =>
  inClone(remote, within, signal, async (clone) => {
    const commit = await clone.commit(file, content, `say ${content.trim()}`)
    await clone.push('main')
    return commit
  })

describe('a clone of its own', () => {
  test('commits and pushes the very bytes, and is gone afterwards', async () => {
    const commit = await inClone(remote, within, signal, async (clone) => {
      expect(await clone.read(file)).toBe('one\r\n')
      const made = await clone.commit(file, 'two\r\n', 'say two')
      expect(await clone.diff(clone.head, made)).toContain('+two')
      await clone.push('main')
      return made
    })
    expect(bare('rev-parse', 'main')).toBe(commit)
    expect(execFileSync('git', ['-C', remote.url, 'show', `main:${file}`], { encoding: 'utf8' })).toBe('two\r\n')
    expect(readdirSync(within)).toEqual([])
  })

  test('that somebody overtook is told so, and nothing is pushed', async () => {
    const failing = inClone(remote, within, signal, async (clone) => {
      await clone.commit(file, 'mine\n', 'mine')
      await pushed('theirs\n')
      await clone.push('main')
    })
    await expect(failing).rejects.toMatchObject({
      message: expect.stringContaining('moved on while this was made: main has new commits, and nothing was pushed'),
      remedy: expect.stringContaining('run the same command again'),
    })
    expect(bare('log', '-1', '--format=%s', 'main')).toBe('say theirs')
    expect(readdirSync(within)).toEqual([])
  })

  test('that the branch refuses is told the way round: --branch', async () => {
    const hook = join(remote.url, 'hooks', 'pre-receive')
    mkdirSync(dirname(hook))
    writeFileSync(hook, '#!/bin/sh\necho "main is protected" >&2; exit 1\n')
    chmodSync(hook, 0o755)
    await expect(pushed('two\n')).rejects.toMatchObject({
      message: expect.stringMatching(/refuses the push to main, and nothing was pushed: [^]*main is protected/),
      remedy: expect.stringContaining('--branch NAME'),
    })
    expect(bare('log', '-1', '--format=%s', 'main')).toBe('first')
  })

  test('reverts a commit, a merge too, and says where later ones are in its way', async () => {
    const second = await pushed('two\n')
    await inClone(remote, within, signal, async (clone) => {
      expect(await clone.revert(second)).toMatch(/^[0-9a-f]{40}$/)
      expect(await clone.read(file)).toBe('one\r\n')
    })
    await pushed('three\n')
    await inClone(remote, within, signal, async (clone) => {
      expect(await clone.revert(second)).toBeUndefined()
      expect(await clone.read(file)).toBe('three\n')
      expect((await clone.history(file)).length).toBe(3)
    })
  })
})
