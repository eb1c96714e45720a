import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as breath } from 'node:timers/promises'
import { generateX25519Identity } from 'age-encryption'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kinds } from '../../lib/cluster/objects.ts'
import { type Ended, type Running, startLab, type TestLab } from './harness.ts'

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

/**
 * What all processes but the given one have in their arguments and environments, again and again until the script has ended. A child that
 * is forked and not yet another program still shows the script's own memory, the variables that this test gave it among it.
 */
async function watchProcesses(running: Running, canaries: readonly string[]): Promise<string[]> {
  const seen = new Set<string>()
  let isOver = false
  void running.ended.then(() => {
    isOver = true
  })
  while (!isOver) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const own = contentOf(`/proc/${running.pid}/cmdline`)
      if (contentOf(`/proc/${pid}/cmdline`) === own) continue
      for (const file of ['cmdline', 'environ']) {
        const text = contentOf(`/proc/${pid}/${file}`)
        if (canaries.some((canary) => text.includes(canary)))
          seen.add(`${file} of ${contentOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
      }
    }
    await breath()
  }
  return [...seen]
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended since
  }
}

function filesBelow(path: string): string[] {
  const kind = statSync(path, { throwIfNoEntry: false })
  if (kind === undefined) return []
  return kind.isDirectory() ? readdirSync(path).flatMap((name) => filesBelow(join(path, name))) : [path]
}

async function verifyNothingLeft(ended: Ended, canaries: readonly string[], before: readonly string[]): Promise<void> {
  const { git } = await lab.access()
  const history = execFileSync('git', ['-C', join(lab.home, 'git', 'fleet.git'), 'log', '--patch', '--all'], { encoding: 'utf8' })
  const temporary = readdirSync(tmpdir()).filter((name) => name.startsWith('flux-runbook-') && !before.includes(name))
  const places = {
    stdout: ended.stdout,
    stderr: ended.stderr,
    'the run folder': filesBelow(join(lab.home, 'runs')).map(contentOf).join('\n'),
    'temporary files': temporary
      .flatMap((name) => filesBelow(join(tmpdir(), name)))
      .map(contentOf)
      .join('\n'),
    Git: history,
  }
  expect(git.url).not.toContain('@')
  for (const [place, text] of Object.entries(places)) {
    for (const canary of canaries) {
      expect(text.includes(canary), `a secret in ${place}`).toBe(false)
      expect(text.includes(Buffer.from(canary).toString('base64')), `a secret in base64 in ${place}`).toBe(false)
    }
  }
}

const temporaryNow = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('flux-runbook-'))

test('no secret of a run that succeeds is found anywhere but in its Secret', async () => {
  const { git } = await lab.access()
  const ageKey = await generateX25519Identity()
  const ageFile = join(folder, 'age.key')
  writeFileSync(ageFile, `# a key\n${ageKey}\n`, { mode: 0o600 })
  const canaries = [git.password, ageKey, 'canary-of-the-registry']
  const before = temporaryNow()
  const running = lab.start('bootstrap', ['--lab', '--yes', '--json', '--verbose'], {
    GIT_PASSWORD: git.password,
    SOPS_AGE_KEY_FILE: ageFile,
    REGISTRY_USERNAME: 'somebody',
    REGISTRY_PASSWORD: 'canary-of-the-registry',
  })
  const seen = await watchProcesses(running, canaries)
  const ended = await running.ended
  expect(ended.code, ended.stderr).toBe(0)
  expect(seen).toEqual([])
  await verifyNothingLeft(ended, canaries, before)
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
    { GIT_USERNAME: 'flux', GIT_PASSWORD: 'canary-of-the-password' },
    { GIT_SSH_KEY_FILE: keyFile, GIT_KNOWN_HOSTS_FILE: hosts },
  ]) {
    const canaries = ['canary-of-the-password', canaryKey]
    const running = lab.start('bootstrap', ['--lab', '--yes', '--json', '--verbose', '--fresh'], env)
    const seen = await watchProcesses(running, canaries)
    const ended = await running.ended
    expect(ended.code, ended.stderr).toBe(3)
    expect(seen).toEqual([])
    await verifyNothingLeft(ended, canaries, before)
  }
})
