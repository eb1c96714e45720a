import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectRoot } from '../../../../lib/base/paths.ts'
import { locateVersion } from '../../../../lib/commands/upgrade/find-place.ts'
import type { FluxPlace } from '../../../../lib/flux/refs.ts'

const url = 'https://git.example.com/fleet'
const flux = (installs: 'instance' | 'manifests'): FluxPlace => ({
  namespace: 'flux-system',
  syncName: 'flux-system',
  kustomizations: [],
  installs,
})
const instance = 'kind: FluxInstance\nspec:\n  distribution:\n    version: "2.9.4" # pinned\n'
let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'find-place-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

async function found(
  folders: readonly string[],
  { of = 'flux', installs = 'instance' }: { of?: 'flux' | 'operator'; installs?: 'instance' | 'manifests' } = {},
): Promise<string> {
  const { at } = await locateVersion(root, { url, folders, place: flux(installs) }, of)
  return `${at.is} ${at.file}:${at.line} ${at.says}`
}

describe('the place of a version in trees of the public styles', () => {
  test.each([
    [
      'home',
      ['kubernetes/apps', 'kubernetes/apps/flux-system/flux-instance/app'],
      {},
      'values kubernetes/apps/flux-system/flux-instance/app/helmrelease.yaml:32 2.9.4',
    ],
    [
      'home',
      ['kubernetes/apps', 'kubernetes/apps/flux-system/flux-operator/app'],
      { of: 'operator' as const },
      'tag kubernetes/apps/flux-system/flux-operator/app/helmrelease.yaml:12 0.59.0',
    ],
    ['fleet', ['clusters/prod'], {}, 'instance clusters/prod/flux-system/flux-instance.yaml:8 2.9.4'],
    [
      'bootstrap',
      ['clusters/staging'],
      { installs: 'manifests' as const },
      'components clusters/staging/flux-system/gotk-components.yaml:3 2.9.4',
    ],
  ])('%s, %j', async (tree, folders, wanted, place) => {
    cpSync(join(projectRoot, 'test/fixtures/trees', tree), root, { recursive: true })
    expect(await found(folders, wanted)).toBe(place)
  })

  test('a variable leads to the ConfigMap that sets it', async () => {
    write('flux/instance.yaml', instance.replace('2.9.4', '${version}'))
    write('settings/settings.yaml', 'kind: ConfigMap\ndata:\n  version: 2.9.4\n')
    expect(await found(['flux', 'settings'])).toBe('settings settings/settings.yaml:3 2.9.4')
  })
})

test('several places are all named, with what each says, and none is chosen', async () => {
  write('one/a.yaml', instance)
  write('two/b.yaml', instance.replace('2.9.4', '2.x'))
  await expect(found(['one', 'two'])).rejects.toMatchObject({
    kind: 'blocked',
    message: `2 places in ${url}, in one, two name a version of Flux, and none was changed: one/a.yaml:4 (2.9.4), two/b.yaml:4 (2.x)`,
    remedy: 'keep the version in one of them and remove it from the others, or use one variable in all of them; push, and run again',
  })
})

test('what no folder of this cluster leads to is not a place, and none at all is said', async () => {
  write('other/a.yaml', instance)
  write('own/a.yaml', 'kind: ConfigMap\n')
  const missing = `nothing that this cluster follows in ${url}, in own names a version of`
  await expect(found(['own'])).rejects.toMatchObject({ kind: 'blocked', message: `${missing} Flux` })
  await expect(found(['own'], { of: 'operator' })).rejects.toMatchObject({ kind: 'blocked', message: `${missing} flux-operator` })
})

test('manifests that an earlier installation has left are not what runs', async () => {
  write('own/gotk-components.yaml', '# Flux Version: v2.8.0\nkind: Namespace\n')
  write('own/instance.yaml', instance)
  expect(await found(['own'])).toBe('instance own/instance.yaml:4 2.9.4')
  expect(await found(['own'], { installs: 'manifests' })).toBe('components own/gotk-components.yaml:1 2.8.0')
})
