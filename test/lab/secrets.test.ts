import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity } from 'age-encryption'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { openUmask, temporaryNow, verifyNothingLeft, verifyPrivate, watchProcesses } from './canaries.ts'
import { startLab, type TestLab } from './harness.ts'

let lab: TestLab
let folder: string

beforeAll(async () => {
  lab = await startLab(['infra'])
  folder = mkdtempSync(join(tmpdir(), 'frb-canaries-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await lab.close()
})

// Each is another one in JSON, in HTML, in a URL, and in base64 for URLs.
const special = '"<of>&the+\\ü~~~???'
const silence = `canary${special}silence`
const registry = `canary${special}registry`
const password = `canary${special}password`

/** Who is notified of a run. */
const announced = {
  SLACK_WEBHOOK_URL: 'http://127.0.0.1:9/services/canary-of-the-webhook',
  ALERTMANAGER_URL: 'http://127.0.0.1:9',
  ALERTMANAGER_USERNAME: 'someone',
  ALERTMANAGER_PASSWORD: silence,
}

test('no secret of a run that succeeds is found anywhere but in its Secret, and what it keeps is its owner’s alone', async () => {
  const { git } = await lab.access()
  const ageKey = await generateX25519Identity()
  const ageFile = join(folder, 'age.key')
  writeFileSync(ageFile, `# a key\n${ageKey}\n`, { mode: 0o600 })
  const canaries = [git.password, ageKey, registry, 'canary-of-the-webhook', silence]
  const before = temporaryNow()
  const running = lab.start('bootstrap', ['--lab', '--yes', '--json', '--verbose'], {
    GIT_PASSWORD: git.password,
    SOPS_AGE_KEY_FILE: ageFile,
    REGISTRY_USERNAME: 'someone',
    REGISTRY_PASSWORD: registry,
    ...announced,
    ...openUmask,
  })
  const seen = await watchProcesses(running, canaries)
  const ended = await running.ended
  expect(ended.code, ended.stderr).toBe(0)
  expect(seen).toEqual([])
  await verifyNothingLeft(lab, ended, canaries, before)
  verifyPrivate(lab)
  const cluster = await lab.cluster('lab-infra')
  const secret = await cluster.get({ ...kinds.secret, namespace: 'flux-system', name: 'sops-age' })
  expect(JSON.stringify(secret)).toContain(Buffer.from(`# a key\n${ageKey}\n`).toString('base64'))
})

test('nor of one that fails verbosely', async () => {
  const keyFile = join(folder, 'id_ed25519')
  const canaryKey = 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB'
  writeFileSync(keyFile, `-----BEGIN OPENSSH PRIVATE KEY-----\n${canaryKey}\n-----END OPENSSH PRIVATE KEY-----\n`, { mode: 0o600 })
  const hosts = join(folder, 'known_hosts')
  writeFileSync(hosts, '')
  const before = temporaryNow()
  for (const env of [
    { GIT_USERNAME: 'flux', GIT_PASSWORD: password },
    { GIT_SSH_KEY_FILE: keyFile, GIT_KNOWN_HOSTS_FILE: hosts },
  ]) {
    const canaries = [password, canaryKey, 'canary-of-the-webhook', silence]
    const running = lab.start('bootstrap', ['--lab', '--yes', '--json', '--verbose', '--fresh'], { ...env, ...announced })
    const seen = await watchProcesses(running, canaries)
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(3)
    expect(seen).toEqual([])
    await verifyNothingLeft(lab, ended, canaries, before)
  }
})

test('nor of an address in Git that someone put a password into', async () => {
  const before = temporaryNow()
  const restore = await lab.change('kubernetes/clusters/infra/settings.yaml', (text) =>
    text.replace(/git_url: "?http:\/\//, (start) => `${start}flux:canary-of-the-address@`),
  )
  const running = lab.start('bootstrap', ['--lab', '--yes', '--json', '--verbose', '--fresh'])
  const seen = await watchProcesses(running, ['canary-of-the-address'])
  const ended = await running.ended
  await restore()
  expect(ended.code, ended.stderr).toBe(3)
  expect(ended.stderr).toMatch(/Flux would follow http:\/\/\*\*\*@127\.0\.0\.1/)
  expect(seen).toEqual([])
  await verifyNothingLeft(lab, ended, ['canary-of-the-address'], before, true)
})
