import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { destinationOf, destinationsOf } from '../../../lib/capture/destination.ts'
import { askNewPassphrase, captureKeys, captureDecryptor } from '../../../lib/capture/keys.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'capture-keys-')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'own.key')
let secret: string
let recipient: string
beforeAll(async () => {
  secret = await generateX25519Identity()
  recipient = await identityToRecipient(secret)
  writeFileSync(file, `# created: today\n# public key: ${recipient}\n${secret}\n`)
})

type KeySources = Parameters<typeof captureKeys>[0]
const asked = (own: KeySources['own'], settings: KeySources['settings'] = {}, isLab = false): KeySources => {
  return { own, settings, target: { isLab, runs: join(folder, 'runs') }, redactor: createRedactor() }
}

describe('the keys of a capture', () => {
  test('are those of the flags before those of .env', async () => {
    const keys = await captureKeys(asked({ recipient: `${recipient}, ${recipient}`, identity: file }, { CAPTURE_RECIPIENTS: 'age1other' }))
    expect(keys).toMatchObject({
      encryptor: { recipients: [recipient, recipient] },
      decryptor: { identities: [{ secret, recipient }], file },
    })
    expect(await captureKeys(asked({}, { CAPTURE_RECIPIENTS: recipient }))).toEqual({
      encryptor: { is: 'recipients', recipients: [recipient] },
      decryptor: undefined,
    })
  })
  test('are the owner of the identity where nobody else is named', async () => {
    expect(await captureKeys(asked({}, { CAPTURE_IDENTITY_FILE: file }))).toMatchObject({ encryptor: { recipients: [recipient] } })
  })
  test('hide the secret half from all that is said', async () => {
    const { redactor, ...others } = asked({ identity: file })
    await captureKeys({ ...others, redactor })
    expect(redactor.clean(`it is ${secret}`)).toBe('it is ***')
  })
  test('are the lab’s own, made once, where there are no others', async () => {
    const keys = await captureKeys(asked({}, {}, true))
    const made = join(folder, 'capture-identity.txt')
    expect(statSync(made).mode & 0o777).toBe(0o600)
    expect(await captureKeys(asked({}, {}, true))).toEqual(keys)
    expect(await captureDecryptor(asked({}, {}, true), false)).toEqual(keys.decryptor)
    // Anyone who names another recipient could not open it with the lab's.
    expect((await captureKeys(asked({ recipient }, {}, true))).decryptor).toBeUndefined()
  })
  test.each([
    ['without any', () => captureKeys(asked({})), 'a capture is encrypted, and no recipient is given'],
    [
      'for what is not a recipient',
      () => captureKeys(asked({ recipient: 'age1nobody' })),
      '"age1nobody" is not a valid age recipient: one is "age1" and 58 more letters and digits',
    ],
    [
      'for the secret half, which is not repeated',
      () => captureKeys(asked({ recipient: secret })),
      'what was given is not a valid age recipient: one is "age1" and 58 more letters and digits',
    ],
    [
      'with an identity that does not exist',
      () => captureKeys(asked({ identity: join(folder, 'none') })),
      `the identity ${join(folder, 'none')} cannot be read`,
    ],
    ['to open, without any', () => captureDecryptor(asked({}), false), 'the capture is encrypted for an age identity, and none is given'],
    [
      'to open with a passphrase, without a terminal',
      () => captureDecryptor(asked({}), true),
      'the capture is encrypted with a passphrase, and there is no terminal to ask for it',
    ],
  ])('are refused %s', async (_how, asking, message) => {
    await expect(asking()).rejects.toMatchObject({ message, kind: 'usage' })
  })
  test.each([
    ['nothing', '# a comment\n', 'has no line AGE-SECRET-KEY-…: it is not an age identity'],
    ['half a key', 'AGE-SECRET-KEY-1QQQQ\n', 'has a malformed line AGE-SECRET-KEY-…'],
  ])('are refused in a file with %s', async (_what, content, message) => {
    const other = join(folder, 'other.key')
    writeFileSync(other, content)
    await expect(captureKeys(asked({ identity: other }))).rejects.toMatchObject({ message: `${other} ${message}`, kind: 'usage' })
  })
})

test('a new passphrase is asked for until it is long enough and the same twice; what is wrong is said in the next question', async () => {
  const answers = ['short', 'correct horse', 'correct house', 'correct horse', 'correct horse']
  const questions: string[] = []
  const ask = (message: string): Promise<string> => {
    questions.push(message)
    return Promise.resolve(answers.shift() ?? '')
  }
  expect(await askNewPassphrase(ask)).toBe('correct horse')
  expect(questions).toEqual([
    "The capture holds Flux's Secrets, so it is encrypted (no --recipient is given): a passphrase of at least 10 characters:",
    'That has 5 characters; a passphrase of at least 10 characters:',
    'The same again:',
    'The two passphrases differ; a passphrase of at least 10 characters:',
    'The same again:',
  ])
})

describe('where a capture goes', () => {
  const checkout = join(folder, 'checkout')
  beforeAll(() => {
    mkdirSync(join(checkout, 'kept'), { recursive: true })
    execFileSync('git', ['init', '--quiet', checkout])
    writeFileSync(join(checkout, '.gitignore'), '/ignored/\n*.age.local\n')
  })
  test.each([
    ['a file as named', 'a.age', false, 'a.age'],
    ['a file that Git ignores', 'checkout/a.age.local', false, 'checkout/a.age.local'],
    ['into a folder for several, an ARN too', 'many', true, 'many/arn%3Aaws%3Aeks%2Finfra.age'],
    ['what Git ignores, in folders yet to be made', 'checkout/ignored/deep/er.age', false, 'checkout/ignored/deep/er.age'],
  ])('%s', async (_what, named, several, expected) => {
    expect(await destinationOf(join(folder, named), 'arn:aws:eks/infra', several)).toBe(join(folder, expected))
  })
  test('a folder that is there takes one file for the context', async () => {
    expect(await destinationOf(folder, 'infra', false)).toBe(join(folder, 'infra.age'))
  })
  test.each(['checkout/a.age', 'checkout/kept/a.age', 'checkout/new/er/a.age'])('not where Git would track it: %s', async (named) => {
    const message = `${join(folder, named)} is in a Git checkout, ${checkout}, which does not ignore it: a capture never goes into Git`
    await expect(destinationOf(join(folder, named), 'infra', false)).rejects.toMatchObject({ message, kind: 'usage' })
  })
  test('of a copy, nowhere that the capture itself may not be', async () => {
    const file = join(checkout, 'a.age')
    const tracked = { message: expect.stringContaining(`${file} is in a Git checkout, ${checkout}`), kind: 'usage' }
    const apart = join(folder, 'apart.age')
    await expect(destinationsOf({ out: file }, 'infra', false)).rejects.toMatchObject(tracked)
    await expect(destinationsOf({ 'copy-to': file }, 'infra', false)).rejects.toMatchObject(tracked)
    await expect(destinationsOf({ out: apart, 'copy-to': `${checkout}/` }, 'infra', true)).rejects.toMatchObject({ kind: 'usage' })
    await expect(destinationsOf({ 'copy-to': '/media/frb-nowhere/a.age' }, 'infra', false)).rejects.toMatchObject({ kind: 'usage' })
    expect(await destinationsOf({ 'copy-to': apart }, 'infra', false)).toEqual({ out: undefined, copy: apart })
  })
  test('not where another disk would be mounted, and is not', async () => {
    for (const [named, missing] of [
      ['/media/frb-nowhere/infra.age', '/media/frb-nowhere'],
      ['/mnt/frb-nowhere/', '/mnt/frb-nowhere'],
    ] as const) {
      await expect(destinationOf(named, 'infra', false)).rejects.toMatchObject({
        message: `the folder ${missing} does not exist: is its disk mounted? Nothing was written`,
        kind: 'usage',
        remedy: `mount it; or, if the folder is new on a mounted disk: mkdir -p ${missing}`,
      })
    }
    await expect(destinationOf('/media/frb-nowhere', 'infra', true)).rejects.toMatchObject({ kind: 'usage' })
  })
  test('not over another', async () => {
    writeFileSync(join(folder, 'old.age'), '')
    const message = `${join(folder, 'old.age')} exists already, and may be the only good capture`
    await expect(destinationOf(join(folder, 'old.age'), 'infra', false)).rejects.toMatchObject({ message, kind: 'usage' })
    expect(readFileSync(join(folder, 'old.age'), 'utf8')).toBe('')
  })
})
