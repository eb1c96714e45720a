import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkGitApis, oldApisIn, readYaml } from '../../../../lib/commands/upgrade/checks/git-api-versions.ts'

const root = mkdtempSync(join(tmpdir(), 'git-apis-'))
afterAll(() => rmSync(root, { recursive: true }))
const crds = [
  { name: 'helmreleases.helm.toolkit.fluxcd.io', kind: 'HelmRelease', group: 'helm.toolkit.fluxcd.io' },
  { name: 'alerts.notification.toolkit.fluxcd.io', kind: 'Alert', group: 'notification.toolkit.fluxcd.io' },
].map((crd) => ({ ...crd, versions: [], served: [], storage: '', stored: [], isEstablished: true }))
const removedVersions = new Set(['helmreleases.helm.toolkit.fluxcd.io v2beta2'])

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, 'kubernetes', file)), { recursive: true })
  writeFileSync(join(root, 'kubernetes', file), text)
}

test('what Git has in API versions that will be removed is found with file and line', async () => {
  write(
    'apps/web.yaml',
    '# two\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n---\n# old\napiVersion: helm.toolkit.fluxcd.io/v2beta2\nkind: HelmRelease\n',
  )
  write('apps/b.yml', 'kind: HelmRelease\nmetadata: { name: b }\napiVersion: "helm.toolkit.fluxcd.io/v2beta2"\n')
  write('apps/other.yaml', 'apiVersion: notification.toolkit.fluxcd.io/v2beta2\nkind: Alert\n')
  write('apps/odd.yaml', 'a: [helm.toolkit.fluxcd.io/v2\n')
  write('apps/none.yaml', 'a: [nothing of ours\n')
  const old = oldApisIn(await readYaml(root, 'kubernetes'), crds, removedVersions)
  expect(old).toEqual({
    found: [
      { place: 'kubernetes/apps/b.yml:3', kind: 'HelmRelease', apiVersion: 'helm.toolkit.fluxcd.io/v2beta2' },
      { place: 'kubernetes/apps/web.yaml:7', kind: 'HelmRelease', apiVersion: 'helm.toolkit.fluxcd.io/v2beta2' },
    ],
    unread: ['kubernetes/apps/odd.yaml'],
  })
  expect(checkGitApis(old, '2.10.0', false)).toEqual([
    {
      is: 'blocks',
      what: `Git has objects in API versions that Flux 2.10.0 does not have, so that it could not apply them:
     kubernetes/apps/b.yml:3: HelmRelease in helm.toolkit.fluxcd.io/v2beta2
     kubernetes/apps/web.yaml:7: HelmRelease in helm.toolkit.fluxcd.io/v2beta2`,
      remedy:
        'in a checkout, with the flux CLI of 2.10.0: flux migrate --path kubernetes --version 2.10; check git diff, commit, push, and run again; or, if nothing follows them: --force',
    },
    {
      is: 'notice',
      what: 'whether kubernetes/apps/odd.yaml uses API versions that will be removed is not known: it cannot be parsed as plain YAML',
    },
  ])
})

test('where none goes away nothing is read', async () => {
  expect(oldApisIn([{ file: 'a.yaml', text: 'a: [helm.toolkit.fluxcd.io/v2' }], crds, new Set())).toEqual({ found: [], unread: [] })
})
