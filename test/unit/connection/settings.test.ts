import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { gitLoginOf, readSettings, variables } from '../../../lib/connection/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'frb-settings-'))
const file = join(folder, '.env')
beforeAll(() => {
  writeFileSync(file, 'GIT_USERNAME=me\nGIT_PASSWORD=of-the-company\nLOCK_NAMESPACE=ops\nSOPS_AGE_KEY_FILE=/keys/age\n', { mode: 0o600 })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('.env', () => {
  test('is read, and its secrets are hidden from then on', async () => {
    const redactor = createRedactor()
    const { settings, warnings } = await readSettings(redactor, { file })
    expect(settings).toMatchObject({ GIT_USERNAME: 'me', GIT_PASSWORD: 'of-the-company', LOCK_NAMESPACE: 'ops' })
    expect(warnings).toEqual([])
    expect(redactor.clean('of-the-company')).toBe('***')
  })
  test('is a warning where others can read or change it', async () => {
    const open = join(folder, 'open.env')
    writeFileSync(open, '')
    for (const [mode, what] of [
      [0o644, 'read'],
      [0o664, 'changed'],
      [0o602, 'changed'],
    ] as const) {
      chmodSync(open, mode)
      expect((await readSettings(createRedactor(), { file: open })).warnings).toEqual([
        `${open} can be ${what} by others: chmod 600 ${open}`,
      ])
    }
  })
  test.runIf(process.getuid?.() === 0)('is refused where it belongs to another user', async () => {
    const foreign = join(folder, 'foreign.env')
    writeFileSync(foreign, 'GIT_ORIGIN=https://git.evil.example\n', { mode: 0o600 })
    chownSync(foreign, 4711, 4711)
    await expect(readSettings(createRedactor(), { file: foreign })).rejects.toThrow(
      `${foreign} belongs to another user (uid 4711), who would decide where your logins are sent`,
    )
  })
  test("the login for one's own Git is not tried on the lab's", async () => {
    const { settings } = await readSettings(createRedactor(), { file, isLab: true })
    expect(settings).toEqual({ SOPS_AGE_KEY_FILE: '/keys/age' })
  })
  test('names no server that a lab tells, silences, asks or keeps its state at', async () => {
    const all = join(folder, 'all.env')
    writeFileSync(all, variables.map((name) => `${name}=https://company.example.com\n`).join(''), { mode: 0o600 })
    const { settings } = await readSettings(createRedactor(), { file: all, isLab: true })
    expect(Object.keys(settings)).toEqual(['SOPS_AGE_KEY_FILE', 'CAPTURE_RECIPIENTS', 'CAPTURE_IDENTITY_FILE'])
  })
})

describe('the login for Git', () => {
  const [username, password] = ['me', 'secret']
  const url = 'https://git.example.com/a.git'
  test.each([
    ['a private authority alone', { GIT_CA_FILE: '/ca.crt' }, { kind: 'none', caFile: '/ca.crt' }],
    [
      'a password and a private authority',
      { GIT_USERNAME: username, GIT_PASSWORD: password, GIT_CA_FILE: '/ca.crt' },
      { kind: 'password', username, password, origin: 'https://git.example.com', caFile: '/ca.crt' },
    ],
    [
      'a key and pinned hosts',
      { GIT_SSH_KEY_FILE: '/key', GIT_KNOWN_HOSTS_FILE: '/hosts', GIT_ORIGIN: 'git@Other.example.com:a/b.git' },
      { kind: 'ssh', keyFile: '/key', knownHostsFile: '/hosts', origin: 'ssh://other.example.com' },
    ],
  ])('%s', (_, settings, login) => {
    expect(gitLoginOf(settings, 'https://git.example.com/a.git')).toEqual(login)
  })
  test("without anything that says which server's it is, is not used", () => {
    expect(gitLoginOf({ GIT_USERNAME: username, GIT_PASSWORD: password }, undefined)).toEqual({ kind: 'none' })
    expect(gitLoginOf({ GIT_SSH_KEY_FILE: '/key', GIT_KNOWN_HOSTS_FILE: '/hosts' }, undefined)).toEqual({ kind: 'none' })
    const named = { GIT_USERNAME: username, GIT_PASSWORD: password, GIT_ORIGIN: 'https://git.example.com' }
    expect(gitLoginOf(named, undefined)).toMatchObject({ kind: 'password', origin: 'https://git.example.com' })
  })
  test('what names no server is refused', () => {
    expect(() => gitLoginOf({ GIT_USERNAME: username, GIT_PASSWORD: password, GIT_ORIGIN: 'git.example.com' }, url)).toThrow(
      'GIT_ORIGIN names no server that the login for Git could belong to: git.example.com',
    )
  })
  test('a key without pinned hosts, and half a login, are refused', () => {
    expect(() => gitLoginOf({ GIT_SSH_KEY_FILE: '/key' }, url)).toThrow('the identity of the server cannot be verified')
    expect(() => gitLoginOf({ GIT_USERNAME: username }, url)).toThrow('GIT_USERNAME is set without the other half')
  })
})
