import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRedactor } from '../../lib/redactor.ts'
import { gitLoginOf, readSettings } from '../../lib/settings.ts'

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
  test("the login for one's own Git is not tried on the lab's", async () => {
    const { settings } = await readSettings(createRedactor(), { file, isLab: true })
    expect(settings).toEqual({ SOPS_AGE_KEY_FILE: '/keys/age' })
  })
})

describe('the login for Git', () => {
  const [username, password] = ['me', 'secret']
  test.each([
    ['a private authority alone', { GIT_CA_FILE: '/ca.crt' }, { kind: 'none', caFile: '/ca.crt' }],
    [
      'a password and a private authority',
      { GIT_USERNAME: username, GIT_PASSWORD: password, GIT_CA_FILE: '/ca.crt' },
      { kind: 'password', username, password, caFile: '/ca.crt' },
    ],
    [
      'a key and pinned hosts',
      { GIT_SSH_KEY_FILE: '/key', GIT_KNOWN_HOSTS_FILE: '/hosts' },
      { kind: 'ssh', keyFile: '/key', knownHostsFile: '/hosts' },
    ],
  ])('%s', (_, settings, login) => {
    expect(gitLoginOf(settings)).toEqual(login)
  })
  test('a key without pinned hosts, and half a login, are refused', () => {
    expect(() => gitLoginOf({ GIT_SSH_KEY_FILE: '/key' })).toThrow('the server could be anybody')
    expect(() => gitLoginOf({ GIT_USERNAME: username })).toThrow('GIT_USERNAME is set without the other half')
  })
})
