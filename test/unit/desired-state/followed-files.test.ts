import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'
import { readFollowedFiles } from '../../../lib/desired-state/followed-files.ts'

const root = mkdtempSync(join(tmpdir(), 'followed-'))
afterAll(() => rmSync(root, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

const filesOf = async (folders: readonly string[], at = root): Promise<string[]> =>
  (await readFollowedFiles(at, folders)).map(({ file }) => file)

test('another cluster of the same repository is not followed', async () => {
  const files = await filesOf(['clusters/production'], join(projectRoot, 'test/fixtures/trees/bootstrap'))
  expect(files).toEqual([
    'clusters/production/apps.yaml',
    'clusters/production/flux-system/gotk-components.yaml',
    'clusters/production/flux-system/gotk-sync.yaml',
    'clusters/production/flux-system/kustomization.yaml',
    'clusters/production/infrastructure.yaml',
  ])
})

test('what a kustomization names is followed, and nothing else beside it', async () => {
  write(
    'own/kustomization.yaml',
    [
      'resources: [../base, own.yaml]',
      'components: [../part]',
      'patches: [{path: patch.yaml}, {patch: "a: b"}]',
      'configMapGenerator: [{name: values, files: [values.yaml=../values/flux.yaml]}]',
      'bases:',
    ].join('\n'),
  )
  for (const file of ['own/own.yaml', 'own/patch.yaml', 'own/other.yaml', 'base/b.yml', 'part/p.yaml', 'values/flux.yaml'])
    write(file, 'a: b\n')
  write('base/kustomization.yml', 'resources:\n- b.yml\n')
  write('part/kustomization.yaml', 'kind: Component\nresources: [p.yaml, ../own]\n')
  expect(await filesOf(['./own/'])).toEqual([
    'base/b.yml',
    'base/kustomization.yml',
    'own/kustomization.yaml',
    'own/own.yaml',
    'own/patch.yaml',
    'part/kustomization.yaml',
    'part/p.yaml',
    'values/flux.yaml',
  ])
})

test('a folder without a kustomization is followed as a whole; what leads out of the repository, or does not exist, is left out', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'outside-'))
  writeFileSync(join(outside, 'theirs.yaml'), 'a: b\n')
  write('all/deep/one.yaml', 'a: b\n')
  write('all/readme.md', '')
  write('all/odd/kustomization.yaml', 'resources: [missing.yaml, ../../../etc, https://example.com/a.yaml]\n')
  write('all/broken/kustomization.yaml', 'resources: [')
  symlinkSync(outside, join(root, 'all', 'linked'))
  symlinkSync(join(outside, 'theirs.yaml'), join(root, 'all', 'linked.yaml'))
  expect(await filesOf(['all', 'gone'])).toEqual(['all/broken/kustomization.yaml', 'all/deep/one.yaml', 'all/odd/kustomization.yaml'])
  rmSync(outside, { recursive: true })
})
