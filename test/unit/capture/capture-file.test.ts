import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Capture, carries, describeCapture, read, sortedEntries, entryText } from '../../../lib/capture/capture.ts'
import { captureChecksum, openCapture, openProven, wantsPassphrase, writeCapture } from '../../../lib/capture/file.ts'
import { linesOf } from '../../../lib/capture/format.ts'
import type { Decryptor, Encryptor, Identity } from '../../../lib/capture/keys.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { kinds, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'
import { OperatorError } from '../../../lib/base/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'capture-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'capture.age')

const secret = parseObject({
  ...kinds.secret,
  metadata: {
    name: 'flux-git',
    namespace: 'flux-system',
    uid: 'an-uid',
    resourceVersion: '12',
    creationTimestamp: '2026-03-01T12:00:00Z',
    labels: { team: 'a' },
    annotations: { note: 'ü\n"' },
    managedFields: [{ manager: 'kustomize-controller', operation: 'Apply', apiVersion: 'v1', fieldsV1: { 'f:data': {} } }],
  },
  type: 'Opaque',
  immutable: true,
  data: { password: 'aHVudGVyMg==', empty: '' },
})
const capture: Capture = {
  header: { context: 'infra', server: 'https://10.0.0.1', uid: 'a-cluster', namespace: 'flux-system', takenAt: '2026-03-01T12:00:00.000Z' },
  entries: [
    { ref: refOf(secret), role: 'referred', because: ['GitRepository flux-system/fleet: spec.secretRef'], text: entryText(secret, true) },
  ],
}
let own: Identity
let other: Identity
let decryptor: Decryptor

async function keyPair(): Promise<Identity> {
  const identity = await generateX25519Identity()
  return { secret: identity, recipient: await identityToRecipient(identity) }
}
beforeAll(async () => {
  own = await keyPair()
  other = await keyPair()
  decryptor = { is: 'identities', identities: [own], file: 'own.key' }
})

async function refusal(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.catch((thrown: unknown) => thrown)
  if (!(error instanceof OperatorError)) throw new Error(`not refused: ${String(error)}`)
  expect(error.kind).toBe('blocked')
  return error.message
}

/** A file, encrypted as a capture is, that holds these bytes. */
async function seal(content: Uint8Array): Promise<void> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(own.recipient)
  writeFileSync(path, await encrypter.encrypt(content))
}

describe('a capture in its file', () => {
  beforeEach(async () => {
    rmSync(path, { force: true })
    await writeCapture(path, capture, { is: 'recipients', recipients: [own.recipient, other.recipient] })
  })

  test('is read as it was written, by everyone it is for', async () => {
    for (const identity of [own, other]) {
      const opened = await openCapture(path, { is: 'identities', identities: [identity], file: 'a.key' })
      expect(opened).toEqual(capture)
      expect(captureChecksum(opened)).toBe(captureChecksum(capture))
    }
  })
  test('is only its owner’s, and holds nothing in the clear', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'latin1')).not.toMatch(/hunter2|aHVudGVyMg|flux-git/)
    expect(readdirSync(folder)).toEqual(['capture.age'])
  })
  test('is not for others', async () => {
    const stranger: Decryptor = { is: 'identities', identities: [await keyPair()], file: '/keys/stranger.key' }
    expect(await refusal(openCapture(path, stranger))).toBe(
      `/keys/stranger.key cannot decrypt ${path}: it was encrypted for other recipients`,
    )
  })
  test.each([
    ['cut short in its text', (bytes: Buffer) => bytes.subarray(0, bytes.length - 20), 'invalid tag'],
    ['cut short in its header', (bytes: Buffer) => bytes.subarray(0, 60), ''],
    ['changed by one bit at its end', (bytes: Buffer) => flipped(bytes, bytes.length - 1), 'invalid tag'],
    ['changed by one bit in its header', (bytes: Buffer) => flipped(bytes, 150), ''],
    ['longer than it was', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')]), 'invalid tag'],
  ])('is refused when it was %s', async (_how, damage, why) => {
    writeFileSync(path, damage(readFileSync(path)))
    const message = await refusal(openCapture(path, decryptor))
    expect(message.startsWith(`${path} is damaged: it was cut short, or changed after it was written (`), message).toBe(true)
    expect(message).toContain(why)
  })
  test.each([
    ['empty', ''],
    ['something else', 'apiVersion: v1\n'],
  ])('is refused when it is %s', async (_what, content) => {
    writeFileSync(path, content)
    expect(await refusal(openCapture(path, decryptor))).toBe(`${path} is not a capture: it is not a file encrypted with age`)
  })
  test('is refused when it does not exist', async () => {
    rmSync(path)
    expect(await refusal(openCapture(path, decryptor))).toContain(`the capture ${path} cannot be read: ENOENT`)
  })
  test.each([
    ['what is not packed', Buffer.from('canary')],
    ['another’s text', gzipSync('canary\n')],
    ['nothing', gzipSync('')],
    ['fewer objects than it reports', gzipSync([...linesOf(capture)].slice(0, 1).join(''))],
  ])('is refused, and not quoted, when it holds %s', async (_what, content) => {
    await seal(content)
    expect(await refusal(openCapture(path, decryptor))).toBe(`${path} can be decrypted, but contains no capture`)
  })
  test('is refused when it is of a later version', async () => {
    await seal(gzipSync([...linesOf(capture)].join('').replace('"schemaVersion":1', '"schemaVersion":2')))
    expect(await refusal(openCapture(path, decryptor))).toBe(`${path} cannot be read: it has version 2, and this program reads version 1`)
  })
  test('opens with a passphrase, and no other', async () => {
    const encrypter = new Encrypter()
    encrypter.setPassphrase('correct horse battery')
    encrypter.setScryptWorkFactor(10) // a capture's own takes seconds, as it should
    writeFileSync(path, await encrypter.encrypt(gzipSync([...linesOf(capture)].join(''))))
    expect(await wantsPassphrase(path)).toBe(true)
    expect(await openCapture(path, { is: 'passphrase', passphrase: 'correct horse battery' })).toEqual(capture)
    expect(await refusal(openCapture(path, { is: 'passphrase', passphrase: 'incorrect horse' }))).toBe(
      `the passphrase is not the one that ${path} was encrypted with`,
    )
  })
  test('an identity is wanted where it is encrypted for recipients', async () => {
    expect(await wantsPassphrase(path)).toBe(false)
  })
})

describe('who wrote a capture', () => {
  const recipients = (): Encryptor => ({ is: 'recipients', recipients: [own.recipient, other.recipient] })
  const by = (...identities: Identity[]): Decryptor => ({ is: 'identities', identities, file: 'a.key' })
  /** The same text with another object in it, by someone who knows the recipients only. */
  const forge = async (change: (text: string) => string): Promise<void> => {
    const decrypter = new Decrypter()
    decrypter.addIdentity(own.secret)
    const text = gunzipSync(await decrypter.decrypt(readFileSync(path))).toString()
    const forged = change(text)
    expect(forged).not.toBe(text)
    await seal(gzipSync(forged))
  }

  const forgery = 'someone has changed it, or written it, who does not have the identity'

  test('is certain to those who have an identity that its author had', async () => {
    await writeCapture(path, capture, recipients(), by(own))
    expect(await openProven(path, by(own))).toEqual({ capture, isProven: true })
    expect(await openProven(path, by(other))).toEqual({ capture, isProven: false })
    expect(await openProven(path, by(other, own))).toEqual({ capture, isProven: true })
  })
  test('is not where its author had none, or someone has removed the proof', async () => {
    await writeCapture(path, capture, recipients())
    expect(await openProven(path, by(own))).toEqual({ capture, isProven: false })
    await writeCapture(path, capture, recipients(), by(own))
    await forge((text) => text.replace(/,"proof":\{[^}]*\}/, ''))
    expect(await openProven(path, by(own))).toEqual({ capture, isProven: false })
  })
  test.each([
    ['an object', (text: string) => text.replace('aHVudGVyMg==', 'Zm9yZ2Vk')],
    ['the cluster', (text: string) => text.replace('a-cluster', 'another-cluster')],
    ['the proof', (text: string) => text.replace(/(age1\w+":")./, '$1-')],
    ['the length of the proof', (text: string) => text.replace(/(age1\w+":")[^"]*/, '$1')],
  ])('is refused where another has changed %s', async (_, change) => {
    await writeCapture(path, capture, recipients(), by(own))
    await forge(change)
    expect(await refusal(openCapture(path, by(own)))).toContain(forgery)
  })
  test('is refused where another has made the proof, who knows the recipients only', async () => {
    await writeCapture(path, capture, recipients(), by({ ...own, secret: (await keyPair()).secret }))
    expect(await refusal(openCapture(path, by(own)))).toContain(forgery)
  })
  test('is refused where the proof holds for one identity, and not for another', async () => {
    await writeCapture(path, capture, recipients(), by(own, { ...other, secret: own.secret }))
    expect(await refusal(openCapture(path, by(own, other)))).toContain(forgery)
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

describe('an entry', () => {
  test('holds the object as it can be created, and apart from it what it was', () => {
    const { was, object } = read({ text: entryText(secret, true) })
    expect(object).toMatchObject({ type: 'Opaque', immutable: true, data: { password: 'aHVudGVyMg==', empty: '' } })
    expect(JSON.parse(entryText(secret, true))).toMatchObject({
      object: { metadata: { name: 'flux-git', namespace: 'flux-system', labels: { team: 'a' }, annotations: { note: 'ü\n"' } } },
    })
    expect(object.metadata).not.toHaveProperty('uid')
    expect(object.metadata).not.toHaveProperty('resourceVersion')
    expect(was).toMatchObject({ uid: 'an-uid', managedFields: [{ manager: 'kustomize-controller' }] })
  })
  test('is refused by its name where nothing can hold it', () => {
    const values: unknown = JSON.parse(`${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}`) // an API server takes 10,000 levels
    const deep = parseObject({ ...fluxKinds.helmRelease, metadata: { namespace: 'apps', name: 'shop' }, spec: { values } })
    expect(() => entryText(deep, true)).toThrow('HelmRelease apps/shop cannot be captured: Maximum call stack size exceeded')
  })
  test('is found whatever version of its API is asked for', () => {
    const ref = { kind: 'Kustomization', namespace: 'a', name: 'b' }
    const entries = [{ ref: { ...ref, apiVersion: 'kustomize.toolkit.fluxcd.io/v1' }, role: 'flux' as const, because: [], text: '' }]
    expect(carries({ entries }, { ...ref, apiVersion: 'kustomize.toolkit.fluxcd.io/v1beta2' })).toBe(true)
    expect(carries({ entries }, { ...ref, apiVersion: 'kustomize.example.com/v1' })).toBe(false)
  })
  test('stands before what uses it', () => {
    const entry = (role: 'namespace' | 'referred' | 'flux', name: string) => ({
      ref: { ...kinds.secret, name },
      role,
      because: [],
      text: '',
    })
    const entries = [entry('flux', 'a'), entry('referred', 'c'), entry('namespace', 'd'), entry('referred', 'b')]
    expect(sortedEntries(entries).map(({ ref }) => ref.name)).toEqual(['d', 'b', 'c', 'a'])
  })
  test('is reported in numbers', () => {
    expect(describeCapture(capture)).toBe('1 Secret or ConfigMap that Flux refers to')
    expect(describeCapture({ entries: [] })).toBe('nothing: there is no Flux here')
  })
})
