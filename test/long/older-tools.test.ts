import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureHelm3, ensureOlderKubectl } from '../../lab/build/executables.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { copyCheckout, documentOf, type Ended, script, startLab, type TestLab } from '../lab/harness.ts'
import { settings, newTags, oldTags, tags, unready } from '../lab/older-flux.ts'

// Every procedure as on a person's own cluster, with helm 3 and kubectl 1.35 first on PATH, and no flux CLI.
const folder = mkdtempSync(join(tmpdir(), 'frb-tools-'))
const checkout = join(folder, 'checkout')
const programs = join(folder, 'bin')
let lab: TestLab
let env: Record<string, string>
let flags: readonly string[]

beforeAll(async () => {
  const console = createConsole({ clean: (text) => text })
  lab = await startLab(['infra'], { olderFlux: ['2.9.4'] })
  const { git, kubeconfig } = await lab.access()
  mkdirSync(programs)
  symlinkSync(await ensureHelm3(console), join(programs, 'helm'))
  symlinkSync(await ensureOlderKubectl(console), join(programs, 'kubectl'))
  symlinkSync(process.execPath, join(programs, 'node'))
  copyCheckout(checkout)
  await lab.change(settings, (text) => {
    const older = text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"')
    writeFileSync(join(checkout, settings), older)
    return older
  })
  const key = await generateX25519Identity()
  writeFileSync(join(folder, 'key.txt'), `${key}\n`, { mode: 0o600 })
  const path = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('flux-runbook'))
  env = {
    PATH: [programs, ...path].join(delimiter),
    GIT_USERNAME: git.username,
    GIT_PASSWORD: git.password,
    GIT_ORIGIN: new URL(git.url).origin,
    XDG_STATE_HOME: join(folder, 'state'),
    HOME: folder,
    CAPTURE_RECIPIENTS: await identityToRecipient(key),
    CAPTURE_IDENTITY_FILE: join(folder, 'key.txt'),
  }
  flags = ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', kubeconfig, '--yes', '--json']
})
afterAll(async () => {
  await lab.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(name: string, ...more: string[]): Promise<Ended> {
  const ended = await script(name, [...flags, ...more], { home: lab.home, cwd: checkout, env })
  expect(ended.code, ended.stderr).toBe(0)
  return ended
}

async function expectVersion(wanted: readonly string[]): Promise<void> {
  const cluster = await lab.cluster('lab-infra')
  expect(await tags(cluster)).toEqual(wanted)
  expect(await unready(cluster)).toEqual([])
}

test('the tools are those that were meant: helm 3, kubectl 1.35, and no flux', () => {
  const version = (name: string, ...args: string[]): string => execFileSync(name, args, { env, encoding: 'utf8' })
  expect(version('helm', 'version', '--short')).toMatch(/^v3\.18\./)
  expect(version('kubectl', 'version', '--client')).toMatch(/^Client Version: v1\.35\./)
  expect(() => version('flux', '--version')).toThrow('ENOENT')
})

test('bootstrap, and again; upgrade, rollback, teardown, rebuild', async () => {
  expect(documentOf(await run('bootstrap'))).toMatchObject({ outcome: 'done' })
  expect(documentOf(await run('bootstrap'))).toMatchObject({ outcome: 'unchanged' })
  await expectVersion(oldTags)
  expect(documentOf(await run('upgrade', '--to', '2.9.5'))).toMatchObject({ outcome: 'done', from: '2.9.4', to: '2.9.5' })
  await expectVersion(newTags)
  expect(documentOf(await run('rollback'))).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
  await expectVersion(oldTags)
  const destroy = '--destroy=lab-infra'
  expect(documentOf(await run('teardown', destroy))).toMatchObject({ outcome: 'done', residue: [] })
  expect(documentOf(await run('bootstrap'))).toMatchObject({ outcome: 'done' })
  expect(documentOf(await run('rebuild', destroy))).toMatchObject({ outcome: 'done', survival: { changed: 0, missing: 0 }, residue: [] })
  await expectVersion(oldTags)
})
