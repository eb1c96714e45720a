import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OperatorError } from '../../lib/base/errors.ts'
import { ensureReverted, ensureVersionsInGit, followed } from '../../lib/commands/upgrade/steps/git-versions.ts'
import { settingsVersions } from '../../lib/commands/upgrade/version-file.ts'
import type { Remote } from '../../lib/tools/git.ts'
import { stage } from '../unit/run-stage.ts'

// The clusters of a fleet are upgraded side by side, and have one repository.
let home: string
let remote: Remote

const settings = (version: string): string => `kind: ConfigMap\nmetadata:\n  name: flux-settings\ndata:\n  flux_version: "${version}"\n`
const fileOf = (cluster: string): string => `kubernetes/clusters/${cluster}/settings.yaml`
const inMain = (cluster: string): string => execFileSync('git', ['-C', remote.url, 'show', `main:${fileOf(cluster)}`], { encoding: 'utf8' })

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'push-test-'))
  remote = { url: join(home, 'fleet.git'), ref: 'refs/heads/main', login: { kind: 'none' } }
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', remote.url])
  const content = settings('2.9.4')
  const files = ['infra', 'apps', 'edge'].map((cluster) => `M 100644 inline ${fileOf(cluster)}\ndata ${content.length}\n${content}\n`)
  const input = `commit refs/heads/main\ncommitter A <a@b> 0 +0000\ndata 5\nfirst\n${files.join('')}\n`
  execFileSync('git', ['-C', remote.url, 'fast-import', '--quiet'], { input })
})
afterEach(() => rmSync(home, { recursive: true }))

/** The step of a cluster's upgrade to 2.9.5; `made` is called between its commit and its push. */
function upgradeOf(cluster: string, made: (commit: string) => void | Promise<void> = () => undefined) {
  const folder = join(home, cluster)
  mkdirSync(folder)
  const change = {
    remote,
    file: settingsVersions(fileOf(cluster)),
    versions: { flux_version: '2.9.5' },
    message: `Upgrade ${cluster}`,
    suspended: 'its HelmRelease',
    branch: undefined,
    folder,
  }
  return ensureVersionsInGit({ ...change, made: (commit) => void made(commit) }, followed(change))
}

test('clusters that are upgraded at the same time all come to push', async () => {
  await Promise.all(['infra', 'apps', 'edge'].map((cluster) => upgradeOf(cluster).apply(stage([], 'dry-run').run, () => undefined)))
  for (const cluster of ['infra', 'apps', 'edge']) expect(inMain(cluster)).toBe(settings('2.9.5'))
})

test('where someone has changed the very file meanwhile, nothing is pushed on top of that', async () => {
  mkdirSync(join(home, 'other'))
  let isOvertaken = false
  const step = upgradeOf('infra', (commit) => {
    if (commit === '' || isOvertaken) return
    isOvertaken = true
    overtake()
  })
  await expect(step.apply(stage([], 'dry-run').run, () => undefined)).rejects.toMatchObject({
    message: `${fileOf('infra')} was changed in ${remote.url} while this run prepared its commit, and nothing was pushed`,
    remedy: 'check what was changed; to start from its new head: the same command',
  })
  expect(inMain('infra')).toBe(settings('2.8.0'))
})

test('a run that lost the lock while it cloned pushes nothing, neither the version nor its revert', async () => {
  const lost = new OperatorError('the lock of this cluster was lost to jane@other run; nothing more was changed')
  const { run } = stage([], 'dry-run', undefined, {}, { timeout: 60_000, verifyLocked: () => Promise.reject(lost) })
  await expect(upgradeOf('infra', () => expect.unreachable('it was pushed')).apply(run, () => undefined)).rejects.toBe(lost)
  const folder = join(home, 'revert')
  mkdirSync(folder)
  const file = settingsVersions(fileOf('infra'))
  const change = { remote, file, versions: { flux_version: '2.8.0' }, message: 'Revert', suspended: 'it', branch: undefined, folder }
  const revert = ensureReverted({ ...change, made: () => undefined }, followed(change), () => [])
  await expect(revert.apply(run, () => undefined)).rejects.toBe(lost)
  expect(inMain('infra')).toBe(settings('2.9.4'))
})

/** Pushes as someone else, at once. */
function overtake(): void {
  const clone = join(home, 'other', 'clone')
  execFileSync('git', ['clone', '--quiet', remote.url, clone])
  const git = (...args: readonly string[]): Buffer =>
    execFileSync('git', ['-C', clone, '-c', 'user.name=B', '-c', 'user.email=b@c', ...args])
  const path = join(clone, fileOf('infra'))
  execFileSync('sh', ['-c', 'printf %s "$1" >"$2"', 'sh', settings('2.8.0'), path])
  git('commit', '--quiet', '--all', '--message', 'Meanwhile')
  git('push', '--quiet')
}
