import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isInstalledCommand, labTreeRoot, ownFile, packageRoot, projectRoot, repositoryOf } from '../../../lib/base/paths.ts'

function makeFolder(...below: readonly string[]): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'frb paths-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const path of below) mkdirSync(join(folder, path), { recursive: true })
  return folder
}

describe('the repository that the installed command works on', () => {
  test('is the nearest folder upwards with a repository, the clusters or an .env', () => {
    const folder = makeFolder('.git', 'kubernetes/clusters/infra', 'apps/web/src')
    expect(repositoryOf(join(folder, 'apps/web/src'))).toBe(folder)
    expect(repositoryOf(join(folder, 'kubernetes/clusters/infra'))).toBe(folder)
    writeFileSync(join(folder, 'apps/web/.env'), '')
    expect(repositoryOf(join(folder, 'apps/web/src'))).toBe(join(folder, 'apps/web'))
  })
  test('is the folder itself where there is none', () => {
    const folder = makeFolder('empty')
    expect(repositoryOf(join(folder, 'empty'))).toBe(join(folder, 'empty'))
  })
  test('is not looked for in a folder that others can write to', () => {
    const folder = makeFolder('.git', 'below')
    chmodSync(folder, 0o1777)
    expect(repositoryOf(join(folder, 'below'))).toBe(join(folder, 'below'))
  })
  test.runIf(process.getuid?.() === 0)('is not looked for in a folder of another user', () => {
    const folder = makeFolder('.git', 'below')
    chmodSync(folder, 0o755)
    expect(repositoryOf(join(folder, 'below'))).toBe(folder)
    chownSync(folder, 4711, 4711)
    expect(repositoryOf(join(folder, 'below'))).toBe(join(folder, 'below'))
  })
})

test('a checkout works on itself, and names its files by their path in it', () => {
  expect(isInstalledCommand).toBe(false)
  expect(projectRoot).toBe(packageRoot)
  expect(ownFile('docs/health.md')).toBe('docs/health.md')
})

test('the lab is lent the tree of the package where the repository has none', () => {
  const [empty, own] = [makeFolder(), makeFolder('kubernetes/clusters')]
  expect(labTreeRoot(empty)).toBe(packageRoot)
  expect(labTreeRoot(own)).toBe(own)
})
