import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ensureRepository, type Git, gitOf } from '../../lab/repository.ts'
import { isPushed, type Pushed, pushTree } from '../../lab/seed.ts'

const values = { git_url: 'http://127.0.0.1:3000/fleet.git' }
const settings = 'kubernetes/clusters/infra/settings.yaml'
let folder: string
let root: string
let git: Git

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'seed-'))
  root = join(folder, 'checkout')
  const env = { PATH: process.env.PATH ?? '', HOME: folder }
  const repository = join(folder, 'git', 'fleet.git')
  await ensureRepository(repository, env)
  git = gitOf(repository, env)
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

function push(overwrite = false): Promise<Pushed> {
  return pushTree(git, { root, values, message: 'A change', index: join(folder, 'index'), overwrite })
}

/** A commit of somebody who pushes to the lab's Git. */
async function commitByOther(path: string, text: string): Promise<void> {
  const env = { GIT_INDEX_FILE: join(folder, 'other') }
  await git(['read-tree', 'main'], { env })
  const blob = await git(['hash-object', '-w', '--stdin'], { input: text })
  await git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], { env })
  const commit = await git(['commit-tree', await git(['write-tree'], { env }), '-p', 'main', '-m', `Somebody changes ${path}`])
  await git(['update-ref', 'refs/heads/main', commit])
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
    message: expect.stringContaining('Somebody changes kubernetes/infrastructure/one.yaml'),
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
