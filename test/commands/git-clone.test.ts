import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensureRecorded } from '../../lib/commands/rebuild/steps/maintenance-record.ts'
import { inClone } from '../../lib/tools/git-clone.ts'
import { checkFollowsBranch } from '../../lib/preflight/git-state.ts'
import { branchOf, checkOut, headOf, PathMissing, readAt, type Remote } from '../../lib/tools/git.ts'
import { stage } from '../unit/run-stage.ts'

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

/** Commits and pushes as someone else. */
const pushed = (content: string): Promise<string> =>
  inClone(remote, within, signal, async (clone) => {
    const commit = await clone.commit(file, content, `say ${content.trim()}`)
    await clone.push('main')
    return commit
  })

test.each(['working-tree-encoding=UTF-16', 'text eol=crlf', 'ident', 'filter=lfs'])(
  'what is checked out is what Flux applies, which does not read attributes: %s',
  async (attribute) => {
    const content = 'a: "+ä"\nid: $Id$\n'
    const said = { path: file, content, attributes: `*.yaml ${attribute}\n` }
    const input = `commit refs/heads/main
committer A <a@b> 1 +0000
data 6
second
from refs/heads/main^0
${[
  [said.path, said.content],
  ['.gitattributes', said.attributes],
]
  .map(([path = '', text = '']) => `M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`)
  .join('')}
`
    execFileSync('git', ['-C', remote.url, 'fast-import', '--quiet'], { input })
    await checkOut(remote, await headOf(remote, signal), '.', within, signal)
    expect(readFileSync(join(within, file), 'utf8')).toBe(content)
  },
)

test('a file of a commit is as Git has it, and never what a link in Git leads to', async () => {
  const outside = join(home, 'outside.yaml')
  writeFileSync(outside, 'of this machine\n')
  const input = `commit refs/heads/main
committer A <a@b> 0 +0000
data 0
from refs/heads/main^0
M 120000 inline link.yaml
data ${outside.length}
${outside}
`
  execFileSync('git', ['-C', remote.url, 'fast-import', '--quiet'], { input })
  const commit = await headOf(remote)
  expect(await readAt(remote, commit, 'link.yaml', within, signal)).toBe(outside)
  expect(await readAt(remote, commit, file, within, signal)).toBe('one\r\n')
  await expect(readAt(remote, commit, 'missing.yaml', within, signal)).rejects.toThrow(PathMissing)
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

  test('that someone overtook is asked so, and nothing is pushed', async () => {
    const failing = inClone(remote, within, signal, async (clone) => {
      await clone.commit(file, 'mine\n', 'mine')
      await pushed('theirs\n')
      await clone.push('main')
    })
    await expect(failing).rejects.toMatchObject({
      message: expect.stringContaining('moved on meanwhile: main has new commits, and nothing was pushed'),
      because: 'moved-on',
      remedy: expect.stringContaining('the same command'),
    })
    expect(bare('log', '-1', '--format=%s', 'main')).toBe('say theirs')
    expect(readdirSync(within)).toEqual([])
  })

  test('that the branch refuses is reported the way round: --branch', async () => {
    const hook = join(remote.url, 'hooks', 'pre-receive')
    mkdirSync(dirname(hook))
    writeFileSync(hook, '#!/bin/sh\necho "main is protected" >&2; exit 1\n')
    chmodSync(hook, 0o755)
    await expect(pushed('two\n')).rejects.toMatchObject({
      message: expect.stringMatching(/refuses the push to main, and nothing was pushed: [^]*main is protected/),
      because: 'refused',
      remedy: expect.stringContaining(': --branch propose-flux'),
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

describe('a link in a repository', () => {
  const record = `docs/maintenance/${new Date().getUTCFullYear()}.md`
  const proof = () => ({ residue: [], survival: undefined })
  const notes: Record<string, unknown>[] = []
  const memory = { read: () => ({}), write: (more: Record<string, unknown>) => void notes.push(more), folder: () => '' }
  const recording = (): Promise<void> => {
    const { run } = stage([], 'dry-run')
    return ensureRecorded(remote, within, 'infra', proof).apply({ ...run, memory, signal }, () => undefined)
  }
  const linked = (path: string, target: string): void => {
    const input = `commit refs/heads/main\ncommitter A <a@b> 0 +0000\ndata 4\nlink\nfrom refs/heads/main^0\nM 120000 inline ${path}\ndata ${target.length}\n${target}\n\n`
    execFileSync('git', ['-C', remote.url, 'fast-import', '--quiet'], { input })
  }

  test.each([[record], ['docs/maintenance'], ['docs']])('at %s is no way out of the clone for the record of a rebuild', async (path) => {
    const outside = join(home, 'outside')
    const reached = record.slice(path.length)
    mkdirSync(dirname(`${outside}${reached}`), { recursive: true })
    writeFileSync(`${outside}${reached}`, 'mine')
    linked(path, outside)
    await expect(recording()).rejects.toMatchObject({
      kind: 'blocked',
      message: `${record} is not written: ${path} is a link in Git, which may lead anywhere`,
    })
    expect(readFileSync(`${outside}${reached}`, 'utf8')).toBe('mine')
    expect(bare('log', '-1', '--format=%s', 'main')).toBe('link')
    expect(notes).toEqual([])
  })

  test('elsewhere is not a hindrance: the line is added to what is there', async () => {
    linked('elsewhere', '/')
    for (let line = 0; line < 2; line++) await recording()
    const content = bare('show', `main:${record}`).split('\n')
    expect(content.slice(0, 5)).toEqual([
      '# Maintenance',
      '',
      expect.stringMatching(/^\| began/),
      expect.stringMatching(/^\| ---/),
      expect.stringMatching(/\| infra \| done \|/),
    ])
    expect(content).toHaveLength(6)
    expect(notes).toHaveLength(2)
  })
})

test('a folder that the commit does not hold is reported from a checkout that failed', async () => {
  const missing = checkOut(remote, await headOf(remote, signal), 'kubernetes', within, signal)
  await expect(missing).rejects.toThrow(PathMissing)
  await expect(missing).rejects.toThrow("git checkout failed: error: pathspec 'kubernetes' did not match any file(s) known to git")
})

describe('a tag as what Flux follows', () => {
  const tag = (...args: string[]): string => bare('-c', 'user.name=A', '-c', 'user.email=a@b', 'tag', ...args)

  test.each([
    ['annotated', ['--annotate', '--message=one', 'v1', 'main']],
    ['lightweight', ['v1', 'main']],
  ])('%s is the commit that it is of, and that is read and checked out', async (_, args) => {
    tag(...args)
    const tagged = { ...remote, ref: 'refs/tags/v1' }
    const commit = bare('rev-parse', 'main')
    expect(await headOf(tagged, signal)).toBe(commit)
    await checkOut(tagged, commit, file, within, signal)
    expect(readdirSync(within)).toContain(file)
  })

  test('is never pushed to', () => {
    const tagged = { ...remote, ref: 'refs/tags/v1' }
    expect(() => branchOf(tagged)).toThrow(
      `nothing can be pushed to what Flux follows: git_ref of ${remote.url} is refs/tags/v1, a tag, which stays at its commit`,
    )
    expect(checkFollowsBranch(tagged)).toMatchObject([{ is: 'blocks' }])
    expect(() => branchOf({ ...remote, ref: 'refs/pull/7/head' })).toThrow('is refs/pull/7/head, not a branch')
    expect(branchOf(remote)).toBe('main')
    expect(checkFollowsBranch(remote)).toEqual([])
    expect(() => ensureRecorded(tagged, within, 'infra', () => ({ residue: undefined, survival: undefined }))).toThrow('refs/tags/v1')
  })
})
