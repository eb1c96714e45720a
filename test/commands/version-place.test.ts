import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type PlaceInGit, readPlace } from '../../lib/commands/upgrade/place-in-git.ts'
import { type RepositoryAccess, versionRepository } from '../../lib/commands/upgrade/repository.ts'
import { ensureReverted, ensureVersionsInGit, followed, type GitVersions } from '../../lib/commands/upgrade/steps/git-versions.ts'
import { given, stage } from '../unit/run-stage.ts'

let home: string
let url: string
const git = (...args: string[]): string => execFileSync('git', ['-C', url, ...args], { encoding: 'utf8' }).trim()
const signal = new AbortController().signal

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'version-place-'))
  url = join(home, 'fleet.git')
  mkdirSync(join(home, 'run'))
})
afterEach(() => rmSync(home, { recursive: true }))

/** A repository whose branch main holds these files, made by two processes. */
function commit(files: Readonly<Record<string, string>>): void {
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', '--template=', url])
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`
  const entries = Object.entries(files).map(([file, text]) => `M 100644 inline ${file}\n${data(text)}`)
  const input = `commit refs/heads/main\ncommitter A <a@b> 0 +0000\n${data('first')}${entries.join('')}`
  execFileSync('git', ['-C', url, 'fast-import', '--quiet'], { input })
}

/** A flux CLI of a version, which has the manifests of that version. */
function fluxCli(version: string): string {
  const program = join(home, 'flux')
  writeFileSync(
    program,
    `#!/bin/sh\nif [ "$1" = version ]; then echo '{"flux":"v${version}"}'; else printf '%s' '${manifests(version)}'; fi\n`,
  )
  chmodSync(program, 0o755)
  return program
}

const manifests = (version: string): string => `# Flux Version: v${version}
# Components: source-controller
apiVersion: apps/v1
kind: Deployment
metadata:
  name: source-controller
  namespace: flux-system
spec: {template: {spec: {containers: [{name: manager, image: "ghcr.io/fluxcd/source-controller:v${version}"}]}}}
`

function accessOf(flux: string | undefined): RepositoryAccess & { session: Parameters<typeof readPlace>[0] } {
  return {
    session: { tools: { kubectl: 'kubectl', helm: 'helm', flux }, folder: () => join(home, 'run'), cluster: { signal } },
    target: { context: 'prod', inGit: undefined, login: { kind: 'none' } },
    script: 'upgrade',
  }
}

function read(
  version: string,
  { flux, installs = 'instance', ref = 'refs/heads/main' }: Partial<WrittenVersion> = {},
): Promise<PlaceInGit> {
  const place = { namespace: 'flux-system', syncName: 'flux-system', kustomizations: [], installs }
  const { session, target } = accessOf(flux)
  return readPlace(session, target, { url, ref, folders: ['own'], place, installed: { version: '2.9.4' } }, { of: 'flux', version })
}
interface WrittenVersion {
  readonly flux: string | undefined
  readonly installs: 'instance' | 'manifests'
  readonly ref: string
}

/** Carries out a change of the version at a place, or its rollback, and says what Git then has. */
async function change(found: PlaceInGit, version: string, flux: string | undefined, isBack = false): Promise<string> {
  const stands = { url, ref: 'refs/heads/main', at: { ...found.at, path: [...found.at.path] } }
  const wanted: GitVersions = {
    ...versionRepository(accessOf(flux), { stands }),
    versions: { [found.name]: version },
    message: `say ${version}`,
    branch: undefined,
    folder: join(home, 'run'),
    suspended: 'its Kustomization',
    made: () => undefined,
  }
  const at = followed(wanted)
  const step = isBack ? ensureReverted(wanted, at, () => []) : ensureVersionsInGit(wanted, at)
  const { result } = stage([step], given, undefined, {}, { timeout: 5000 })
  expect((await result).outcome).toBe('done')
  return git('show', `main:${found.at.file}`)
}

test('a FluxInstance says another version by one line of one commit, and the old one by its revert', async () => {
  const text = 'kind: FluxInstance\nspec:\n  distribution:\n    version: "2.9.4" # renovate: depName=fluxcd/flux2\n'
  commit({ 'own/instance.yaml': text, 'other/instance.yaml': text })
  const found = await read('2.9.5')
  expect(found).toMatchObject({ name: 'version', at: { file: 'own/instance.yaml', says: '2.9.4' } })
  expect(await change(found, '2.9.5', undefined)).toBe(text.replace('2.9.4', '2.9.5').trim())
  expect(git('log', '-1', '--format=%s', '--shortstat', 'main')).toMatch(
    /^say 2\.9\.5\n\n 1 file changed, 1 insertion\(\+\), 1 deletion\(-\)$/,
  )
  expect(await change(found, '2.9.4', undefined, true)).toBe(text.trim())
  expect(git('log', '-1', '--format=%s', 'main')).toBe('Revert "say 2.9.5"')
})

describe('the manifests of flux bootstrap', () => {
  const files = { 'own/gotk-components.yaml': manifests('2.9.4') }

  test('are made by the flux CLI of the version, and restored without it', async () => {
    commit(files)
    const flux = fluxCli('2.9.5')
    const found = await read('2.9.5', { flux, installs: 'manifests' })
    const tagOf = (objects: readonly unknown[] = []): string => /source-controller:(v[\d.]+)/.exec(JSON.stringify(objects))?.[1] ?? ''
    const { now, running, wanted } = found.manifests ?? {}
    expect([now, running, wanted].map(tagOf)).toEqual(['v2.9.4', 'v2.9.4', 'v2.9.5'])
    expect(await change(found, '2.9.5', flux)).toBe(manifests('2.9.5').trim())
    expect(await change(found, '2.9.4', undefined, true)).toBe(manifests('2.9.4').trim())
  })

  test.each([
    ['2.9.6', 'the one on PATH is 2.9.6'],
    [undefined, 'there is none on PATH'],
  ])('are not made by another flux CLI, %s', async (has, why) => {
    commit(files)
    const flux = has === undefined ? undefined : fluxCli(has)
    await expect(read('2.9.5', { flux, installs: 'manifests' })).rejects.toMatchObject({
      kind: 'blocked',
      message: `own/gotk-components.yaml is made by the flux CLI of 2.9.5, and ${why}`,
      remedy: 'install it: https://github.com/fluxcd/flux2/releases/tag/v2.9.5; then run again',
    })
  })
})

test('manifests that Flux fetches from a server are not changed: what is to stand there is said', async () => {
  commit({ 'own/kustomization.yaml': 'resources:\n  - github.com/fluxcd/flux2//manifests/install?ref=v2.9.4\n' })
  await expect(read('2.9.5', { installs: 'manifests' })).rejects.toMatchObject({
    kind: 'blocked',
    message:
      "own/kustomization.yaml:2 loads Flux's manifests from a server: what its versions contain, and so how to roll back, is not known here",
    remedy: expect.stringContaining('change it to "- github.com/fluxcd/flux2//manifests/install?ref=v2.9.5", commit and push it'),
  })
})

test('where Flux follows a tag nothing can be changed', async () => {
  await expect(read('2.9.5', { ref: 'refs/tags/v1' })).rejects.toMatchObject({
    kind: 'blocked',
    message: `nothing can be changed in Git: Flux follows refs/tags/v1 of ${url}, which is not a branch`,
  })
})
