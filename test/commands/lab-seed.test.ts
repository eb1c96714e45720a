import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ensureRepository, type Git, gitOf } from '../../lab/repository.ts'
import { isPushed, type PushResult, pushTree } from '../../lab/seed.ts'

const values = { git_url: 'http://127.0.0.1:3000/fleet.git' }
const settings = 'kubernetes/clusters/infra/settings.yaml'
const empty = mkdtempSync(join(tmpdir(), 'seed-empty-'))
let folder: string
let root: string
let git: Git

beforeAll(() => ensureRepository(join(empty, 'fleet.git'), { PATH: process.env.PATH ?? '', HOME: empty }))
afterAll(() => rmSync(empty, { recursive: true }))
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seed-'))
  root = join(folder, 'checkout')
  const repository = join(folder, 'git', 'fleet.git')
  cpSync(join(empty, 'fleet.git'), repository, { recursive: true })
  git = gitOf(repository, { PATH: process.env.PATH ?? '', HOME: folder })
  write(settings, '# why\ndata:\n  git_url: "https://example.com/x.git" # the address\n')
  write('kubernetes/infrastructure/one.yaml', 'one: 1\n')
  write('README.md', 'not for the cluster\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(path: string, text: string): void {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

function push(overwrite = false): Promise<PushResult> {
  return pushTree(git, { root, values, message: 'A change', index: join(folder, 'index'), overwrite })
}

/** A commit of someone who pushes to the lab's Git. */
async function commitByOther(path: string, text: string): Promise<void> {
  const message = `Someone changes ${path}`
  const input = `commit refs/heads/main
committer Someone <some@body> now
data ${message.length}
${message}
from refs/heads/main^0
M 100644 inline ${path}
data ${text.length}
${text}
`
  await git(['fast-import', '--quiet', '--date-format=now'], { input })
}

test("the lab's Git gets kubernetes/ as it is on disk, with the lab's addresses, and nothing else", async () => {
  expect((await push()).is).toBe('pushed')
  expect((await git(['ls-tree', '-r', '--name-only', 'main'])).split('\n')).toEqual([settings, 'kubernetes/infrastructure/one.yaml'])
  expect(await git(['show', `main:${settings}`])).toBe('# why\ndata:\n  git_url: "http://127.0.0.1:3000/fleet.git" # the address')
})

test('the same tree again makes no commit; a file added, changed or removed makes one', async () => {
  const first = await push()
  expect(await push()).toEqual({ is: 'unchanged', commit: first.commit })
  write('kubernetes/infrastructure/two.yaml', 'two: 2\n')
  rmSync(join(root, 'kubernetes/infrastructure/one.yaml'))
  expect(await isPushed(git, { root, values, index: join(folder, 'index') })).toBe(false)
  expect((await push()).is).toBe('pushed')
  expect(await isPushed(git, { root, values, index: join(folder, 'index') })).toBe(true)
  expect(await git(['log', '--format=%s %P', 'main'])).toContain(`A change ${first.commit}`)
  expect(await git(['diff', '--name-status', 'main~1', 'main'])).toBe(
    'D\tkubernetes/infrastructure/one.yaml\nA\tkubernetes/infrastructure/two.yaml',
  )
})

test('what others committed to kubernetes/ is not overwritten unless asked for, and named', async () => {
  await push()
  await commitByOther('kubernetes/infrastructure/one.yaml', 'one: 11\n')
  const before = await git(['rev-parse', 'main'])
  write('kubernetes/infrastructure/two.yaml', 'two: 2\n')
  await expect(push()).rejects.toMatchObject({
    kind: 'blocked',
    message: expect.stringContaining('Someone changes kubernetes/infrastructure/one.yaml'),
  })
  expect(await git(['rev-parse', 'main'])).toBe(before)
  expect((await push(true)).is).toBe('pushed')
  expect(await git(['show', 'main:kubernetes/infrastructure/one.yaml'])).toBe('one: 1')
})

test('what others committed elsewhere stays', async () => {
  await push()
  await commitByOther('apps/three.yaml', 'three: 3\n')
  write('kubernetes/infrastructure/two.yaml', 'two: 2\n')
  expect((await push()).is).toBe('pushed')
  expect(await git(['ls-tree', '-r', '--name-only', 'main'])).toContain('apps/three.yaml')
})
