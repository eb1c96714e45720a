import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readYaml } from '../../../lib/commands/upgrade/checks/git-api-versions.ts'
import { readManifests } from '../../../lib/commands/validate/manifests.ts'
import { filesBelow } from '../../../lib/commands/validate/source.ts'
import { foundWithin } from '../../../lib/desired-state/found-within.ts'
import { readFollowedFiles } from '../../../lib/desired-state/followed-files.ts'

const home = mkdtempSync(join(tmpdir(), 'frb-within-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const root = join(home, 'checkout')
mkdirSync(join(root, 'kubernetes', 'own'), { recursive: true })
mkdirSync(join(root, 'kubernetes', 'endless'))
mkdirSync(join(home, 'checkout-of-another'))
writeFileSync(join(home, 'checkout-of-another', 'other.yaml'), 'password: canary\n')
writeFileSync(join(root, 'kubernetes', 'own', 'a.yaml'), 'a: 1\n')
const links = {
  'inside.yaml': 'own/a.yaml',
  'outside.yaml': '../../checkout-of-another/other.yaml',
  'folder.yaml': '../../checkout-of-another',
  'zero.yaml': '/dev/zero',
  'nowhere.yaml': 'nowhere',
  'endless/kustomization.yaml': '/dev/zero',
}
for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, 'kubernetes', name))

test('what a path of a checkout leads to is known, links followed as long as they stay in it', async () => {
  const found = async (...paths: string[]) => Promise.all(paths.map((path) => foundWithin(root, path)))
  expect(await found('.', 'kubernetes/own', 'kubernetes/inside.yaml')).toEqual(['folder', 'folder', 'file'])
  const others = Object.keys(links).filter((name) => name !== 'inside.yaml')
  expect(await found('..', '../checkout-of-another', 'a\0', ...others.map((name) => `kubernetes/${name}`))).toEqual(
    Array.from({ length: 3 + others.length }, () => undefined),
  )
})

describe('a link in Git that leads out of the repository is not read', () => {
  test('by what follows Git', async () => {
    expect(await readFollowedFiles(root, ['kubernetes', 'kubernetes/endless', '..'])).toEqual([
      { file: 'kubernetes/inside.yaml', text: 'a: 1\n' },
      { file: 'kubernetes/own/a.yaml', text: 'a: 1\n' },
    ])
  })
  test('by an upgrade', async () => {
    expect((await readYaml(root, 'kubernetes')).map(({ file }) => file)).toEqual(['kubernetes/inside.yaml', 'kubernetes/own/a.yaml'])
  })
  test('by validate, which reports it', async () => {
    const { files, findings } = await readManifests(root, 'kubernetes')
    expect(findings.map(({ file }) => file)).toEqual(
      ['endless/kustomization.yaml', 'folder.yaml', 'nowhere.yaml', 'outside.yaml', 'zero.yaml'].map((name) => `kubernetes/${name}`),
    )
    expect(findings[0]?.message).toBe('this is not a file of the repository: a folder, or a link that leads out of it or nowhere')
    expect(JSON.stringify(files)).not.toContain('canary')
    expect(await filesBelow(root, 'kubernetes', /\.yaml$/)).toEqual(['kubernetes/inside.yaml', 'kubernetes/own/a.yaml'])
  })
})
