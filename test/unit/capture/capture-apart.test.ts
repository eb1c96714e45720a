import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { beforeAll, expect, test } from 'vitest'
import { externalDecryptor } from '../../../lib/capture/external-identity.ts'
import { type Entry, entryText } from '../../../lib/capture/capture.ts'
import type { Identity, Decryptor, Encryptor } from '../../../lib/capture/keys.ts'
import { kinds, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'
import { OperatorError } from '../../../lib/base/errors.ts'

let flux: Identity
let safe: Identity

async function keyPair(): Promise<Identity> {
  const secret = await generateX25519Identity()
  return { secret, recipient: await identityToRecipient(secret) }
}
beforeAll(async () => {
  flux = await keyPair()
  safe = await keyPair()
})

/** A capture with a Secret that holds this text. */
function holding(text: string): { entries: Entry[] } {
  const object = parseObject({
    ...kinds.secret,
    metadata: { name: 'sops-age', namespace: 'flux-system' },
    data: { 'age.agekey': Buffer.from(text).toString('base64') },
  })
  return { entries: [{ ref: refOf(object), role: 'referred', because: [], text: entryText(object, true) }] }
}
const identities = (...some: Identity[]): Decryptor => ({ is: 'identities', identities: some, file: '/keys/age.key' })
const forRecipients = (...some: Identity[]): Encryptor => ({ is: 'recipients', recipients: some.map(({ recipient }) => recipient) })

async function refusal(asked: Promise<unknown>): Promise<string> {
  const error: unknown = await asked.catch((thrown: unknown) => thrown)
  if (!(error instanceof OperatorError)) throw new Error(`not refused: ${String(error)}`)
  expect(error.kind).toBe('blocked')
  return error.message
}

test('a key that the cluster does not hold opens its capture', async () => {
  const keys = { encryptor: forRecipients(safe, flux), decryptor: identities(safe) }
  expect(await externalDecryptor(keys, holding(`# a key\n${flux.secret}\n`))).toEqual(identities(safe))
})
test('of several keys, those that are captured do not count', async () => {
  const keys = { encryptor: forRecipients(safe, flux), decryptor: identities(flux, safe) }
  expect(await externalDecryptor(keys, holding(flux.secret))).toEqual(identities(safe))
})
test.each([
  ['as it is', (secret: string) => secret],
  ['within other text', (secret: string) => `{"key":"${secret}","more":"AGE-SECRET-KEY-1MALFORMED"}`],
  ['in small letters', (secret: string) => secret.toLowerCase()],
])('a key that is itself captured (%s) is of no use', async (_how, write) => {
  const keys = { encryptor: forRecipients(flux), decryptor: identities(flux) }
  expect(await refusal(externalDecryptor(keys, holding(write(flux.secret))))).toBe(
    'the identity in /keys/age.key is itself part of the capture (Secret flux-system/sops-age): without the cluster, nothing could decrypt the capture',
  )
})
test('a key that does not fit the recipients is reported before anything is written', async () => {
  const keys = { encryptor: forRecipients(flux), decryptor: identities(safe) }
  expect(await refusal(externalDecryptor(keys, holding('')))).toBe(
    `the identity in /keys/age.key cannot decrypt a capture for ${flux.recipient}: it is ${safe.recipient}`,
  )
})
test('no key at all is refused', async () => {
  expect(await refusal(externalDecryptor({ encryptor: forRecipients(safe), decryptor: undefined }, holding('')))).toBe(
    'no identity is given to decrypt the capture, so it cannot be verified',
  )
})
test('a passphrase is nobody’s secret but the person’s', async () => {
  const passphrase = { is: 'passphrase', passphrase: 'correct horse' } as const
  expect(await externalDecryptor({ encryptor: passphrase, decryptor: passphrase }, holding(flux.secret))).toEqual(passphrase)
})
