import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { revision } from '../../lib/health/probes/revision.ts'
import { parseObject } from '../../lib/kubernetes/objects.ts'
import { foundBy } from '../unit/health/found-by.ts'
import { keptByOperator } from '../unit/kept-by-operator.ts'

test('a commit that a source names is not a flag of git, which has one that writes a file', async () => {
  const home = mkdtempSync(join(tmpdir(), 'frb-revision-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const url = join(home, 'fleet.git')
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', url])
  const input = 'commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 5\nfirst\n\n'
  execFileSync('git', ['-C', url, 'fast-import', '--quiet'], { input })
  const precious = join(home, 'precious')
  writeFileSync(precious, 'of this machine')
  const namespace = 'flux-system'
  const [source, root] = [
    { ...fluxKinds.gitRepository, namespace, name: 'fleet' },
    { ...fluxKinds.kustomization, namespace, name: 'fleet' },
  ]
  const metadata = { namespace, name: 'fleet' }
  const objects = [
    parseObject({ ...source, metadata, spec: { url, interval: '1m', ref: { branch: 'main', commit: `--output=${precious}` } } }),
    parseObject({ ...root, metadata, spec: {} }),
  ]
  const follows = { source, root, url, ref: '', appliesItself: false }
  const more = { installation: () => Promise.resolve({ ...keptByOperator, follows }), folder: () => home }
  const found: unknown = await foundBy(revision, objects, more).catch(String)
  expect(readFileSync(precious, 'utf8')).toBe('of this machine')
  expect(found).toMatchObject({
    state: 'ok',
    detail: `GitRepository flux-system/fleet names a commit that cannot be one: --output=${precious}`,
  })
})
