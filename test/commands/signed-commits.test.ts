import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { socketEndpoint } from '../../lib/kubernetes/transport.ts'
import { checkSignedCommits } from '../../lib/preflight/signed-commits.ts'
import { inClone } from '../../lib/tools/git-clone.ts'
import type { Remote } from '../../lib/tools/git.ts'

let folder: string
let remote: Remote

/** Git of the test itself, with no one's configuration. */
function git(...args: string[]): string {
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
  return execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', ...args], { encoding: 'utf8', env, stdio: 'pipe' })
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'frb-signing-'))
  for (const name of ['known', 'other']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  const url = join(folder, 'fleet.git')
  git('init', '--quiet', '--bare', '--initial-branch=main', url)
  git('clone', '--quiet', url, join(folder, 'first'))
  git('-C', join(folder, 'first'), 'commit', '--quiet', '--allow-empty', '--message', 'first')
  git('-C', join(folder, 'first'), 'push', '--quiet', 'origin', 'HEAD:main')
  remote = { url, ref: 'refs/heads/main', login: { kind: 'none' } }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const source = (spec: object) => parseObject({ ...fluxKinds.gitRepository, metadata: { name: 'fleet', namespace: 'flux-system' }, spec })
const verifying = source({ verify: { mode: 'HEAD', secretRef: { name: 'keys' } } })

/** A cluster whose Secret has the public half of the known key. */
function cluster(): Cluster {
  const data = { 'me.pub': readFileSync(join(folder, 'known.pub')).toString('base64') }
  const secret = parseObject({ ...kinds.secret, metadata: { name: 'keys', namespace: 'flux-system' }, data })
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  return { ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal), get: () => Promise.resolve(secret) }
}
const check = (from: ReturnType<typeof source>, signingKey?: string, branch?: string) =>
  checkSignedCommits(cluster(), from, { remote: { ...remote, ...(signingKey === undefined ? {} : { signingKey }) }, folder, branch })

test('where Flux verifies commits, a run that cannot sign them is refused beforehand', async () => {
  expect(await check(source({}))).toEqual([])
  expect(await check(source({ verify: { mode: 'Tag', secretRef: { name: 'keys' } } }))).toEqual([])
  const what = 'GitRepository flux-system/fleet verifies the signature of each commit (spec.verify)'
  expect(await check(verifying)).toEqual([
    {
      is: 'blocks',
      what: `${what}, and this run's would not be signed: Flux would stop at it, and at its revert`,
      remedy:
        'set GIT_SIGNING_KEY (.env.example) to a key whose public half is in Secret flux-system/keys; or propose the change with --branch NAME, and merge it signed',
    },
  ])
  expect(await check(verifying, undefined, 'upgrade-flux')).toMatchObject([{ is: 'notice' }])
  expect(await check(verifying, join(folder, 'known'))).toEqual([])
  const unknown = await check(verifying, join(folder, 'other'))
  expect(unknown).toMatchObject([{ is: 'blocks', what: expect.stringContaining('is not a key for that: Flux does not know it: ') }])
  const missing = await check(verifying, join(folder, 'nowhere'))
  expect(missing).toMatchObject([{ is: 'blocks', what: expect.stringContaining('nothing can be signed with it: ') }])
})

test('with a key, commits and their reverts are signed', async () => {
  const { signal } = new AbortController()
  await inClone({ ...remote, signingKey: join(folder, 'known') }, folder, signal, async (clone) => {
    const commit = await clone.commit('version', '2.9.5\n', 'chore: upgrade')
    const reverted = await clone.revert(commit)
    for (const one of [commit, reverted ?? '']) expect(git('-C', clone.folder, 'cat-file', 'commit', one)).toContain('BEGIN SSH SIGNATURE')
  })
})
