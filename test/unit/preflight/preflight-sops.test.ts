import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { checkSopsKey } from '../../../lib/commands/bootstrap/checks/sops-key.ts'
import { sopsMetadataOf } from '../../../lib/tools/sops.ts'
import { findAgeKey, givenSecretOf } from '../../../lib/commands/bootstrap/age-keys.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { kinds, parseObject, type Ref } from '../../../lib/kubernetes/objects.ts'
import { type SopsTree, treeFollowing } from '../preflight-trees.ts'

const checkout = mkdtempSync(join(tmpdir(), 'preflight-sops-'))
const path = 'kubernetes/clusters/infra/secret.yaml'
const tree: SopsTree = treeFollowing('kubernetes/clusters/infra')
let own: { identity: string; recipient: string }
let other: { identity: string; recipient: string }

async function keyPair(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}
beforeAll(async () => {
  own = await keyPair()
  other = await keyPair()
})
beforeEach(() => rmSync(join(checkout, 'kubernetes'), { recursive: true, force: true }))
afterAll(() => rmSync(checkout, { recursive: true, force: true }))

/** `ENC[AES256_GCM,…]` as SOPS writes it, with its nonce of 32 bytes. */
function sealed(text: string, key: Buffer, additional: string): string {
  const iv = randomBytes(32)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(additional))
  const data = Buffer.concat([cipher.update(text), cipher.final()])
  const [encrypted, nonce, tag] = [data, iv, cipher.getAuthTag()].map((part) => part.toString('base64'))
  return `ENC[AES256_GCM,data:${encrypted},iv:${nonce},tag:${tag},type:str]`
}

/** A file such as SOPS makes it, for these recipients. */
async function encrypted(recipients: readonly string[], checksumKey?: Buffer): Promise<string> {
  const dataKey = randomBytes(32)
  const age = await Promise.all(
    recipients.map(async (recipient) => {
      const encrypter = new Encrypter()
      encrypter.addRecipient(recipient)
      return { recipient, enc: armor.encode(await encrypter.encrypt(dataKey)) }
    }),
  )
  const lastmodified = '2026-03-01T12:00:00Z'
  return stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    stringData: { password: sealed('hunter2', dataKey, 'stringData:password:') },
    sops: { age, lastmodified, mac: sealed('A'.repeat(128), checksumKey ?? dataKey, lastmodified), version: '3.10.2' },
  })
}

/** A key that every Secret holds. */
const held = (text: string) => () => Promise.resolve({ text, unread: [] })
const none = () => Promise.resolve(undefined)

function put(text: string, file = path): void {
  mkdirSync(dirname(join(checkout, file)), { recursive: true })
  writeFileSync(join(checkout, file), text)
}

describe('SOPS files', () => {
  test('are not looked for outside of the repository, wherever a Kustomization says that they are', async () => {
    put(await encrypted([other.recipient]))
    const within = join(checkout, 'kubernetes', 'apps')
    mkdirSync(within)
    expect(await checkSopsKey(treeFollowing('../clusters/infra'), within, none)).toEqual([])
    expect(await checkSopsKey(treeFollowing('clusters/infra'), join(checkout, 'kubernetes'), none)).toHaveLength(1)
  })
  test('that the key opens are fine', async () => {
    put(await encrypted([other.recipient, own.recipient]))
    expect(await checkSopsKey(tree, checkout, held(`# created: today\n# public key: ${own.recipient}\n${own.identity}\n`))).toEqual([])
  })
  test("for a cloud's key too, which Flux may use without a Secret, block nothing", async () => {
    const text = await encrypted([other.recipient])
    put(text.replace('sops:\n', 'sops:\n  kms:\n    - arn: arn:aws:kms:eu-central-1:1:key/x\n'))
    const found = [await checkSopsKey(tree, checkout, none), await checkSopsKey(tree, checkout, held(own.identity))].flat()
    expect(found).toEqual(
      [1, 2].map(() => ({
        is: 'notice',
        what: `${path} is encrypted with SOPS for age keys and for others: not checked whether Flux can decrypt it with those`,
      })),
    )
  })
  test('for others are reported with public keys only', async () => {
    put(await encrypted([other.recipient]))
    const found = await checkSopsKey(tree, checkout, held(own.identity))
    expect(found).toEqual([
      {
        is: 'blocks',
        what: `the age key cannot decrypt ${path}: the file is for ${other.recipient}, the key is ${own.recipient}`,
        remedy: `name the file with the right age key in SOPS_AGE_KEY_FILE (.env.example), or encrypt for this key too: sops updatekeys ${path}`,
      },
    ])
    expect(JSON.stringify(found)).not.toContain('AGE-SECRET-KEY')
  })
  test('need a key at all', async () => {
    put(await encrypted([own.recipient]))
    expect((await checkSopsKey(tree, checkout, none)).map(({ what }) => what)).toEqual([
      `${path} is encrypted with SOPS, but there is no age key to decrypt it: neither SOPS_AGE_KEY_FILE nor Secret sops-age`,
    ])
    expect((await checkSopsKey(tree, checkout, held('# nothing\n'))).map(({ what }) => what)).toEqual([
      `the age key has no line AGE-SECRET-KEY-…: nothing can decrypt ${path}`,
    ])
  })
  test('do not match a malformed key, which is not shown', async () => {
    put(await encrypted([own.recipient]))
    const found = await checkSopsKey(tree, checkout, held(own.identity.slice(0, -1)))
    expect(found.map(({ what }) => what)).toEqual([`the age key is malformed: nothing can decrypt ${path}`])
  })
  test('whose checksum another key made are damaged', async () => {
    put(await encrypted([own.recipient], randomBytes(32)))
    expect((await checkSopsKey(tree, checkout, held(own.identity))).map(({ what }) => what)).toEqual([
      `${path} is damaged: its data key cannot decrypt its checksum`,
    ])
  })
  test('with a part for a key that is none are named', async () => {
    put((await encrypted([own.recipient])).replaceAll('-----BEGIN AGE ENCRYPTED FILE-----', 'x'))
    expect((await checkSopsKey(tree, checkout, held(own.identity))).map(({ what }) => what)).toEqual([
      `${path} is damaged: its data key cannot decrypt its checksum`,
    ])
  })
  test('without an age recipient are only reported', async () => {
    put(await encrypted([]))
    expect((await checkSopsKey(tree, checkout, held(own.identity))).map(({ is, what }) => `${is}: ${what}`)).toEqual([
      `notice: ${path} is encrypted with SOPS, but not for an age key: not checked whether Flux can decrypt it`,
    ])
  })
  test('outside what the cluster follows are not its matter; neither are other files', async () => {
    put(await encrypted([other.recipient]), 'kubernetes/clusters/apps/secret.yaml')
    put('kind: ConfigMap\ndata:\n  sops: no\n')
    expect(await checkSopsKey(tree, checkout, none)).toEqual([])
  })
  test('are reported by their metadata', () => {
    expect(sopsMetadataOf('kind: ConfigMap\n')).toBeUndefined()
    expect(sopsMetadataOf('sops: no metadata\n')).toBeUndefined()
  })
})

describe('the age key', () => {
  const kustomization = (name: string, secret?: string) =>
    parseObject({
      ...fluxKinds.kustomization,
      metadata: { name },
      spec: { path: `./kubernetes/${name}`, decryption: { provider: 'sops', ...(secret && { secretRef: { name: secret } }) } },
    })
  const patched = { instance: { kustomize: { patches: [{ patch: '- op: add\n  value: --sops-age-secret=sops-keys\n' }] } } }

  test('is looked for in the Secret that each Kustomization names, and in that of the controller where one names none', async () => {
    put(await encrypted([own.recipient]))
    put(await encrypted([other.recipient]), 'kubernetes/shop/secret.yaml')
    put(await encrypted([other.recipient]), 'kubernetes/web/secret.yaml')
    const all = treeFollowing('kubernetes/clusters/infra', patched, [kustomization('shop', 'shop-keys'), kustomization('web', 'gone')])
    const found = await checkSopsKey(all, checkout, (secret) => {
      const text = { 'sops-keys': own.identity, 'shop-keys': other.identity }[secret]
      return Promise.resolve(text === undefined ? undefined : { text, unread: [] })
    })
    expect(found.map(({ what }) => what)).toEqual([
      'kubernetes/web/secret.yaml is encrypted with SOPS, but there is no age key to decrypt it: neither SOPS_AGE_KEY_FILE nor Secret gone',
    ])
  })
  test('that a person brings goes where it is looked for', () => {
    expect(givenSecretOf(tree)).toBe('sops-age')
    expect(givenSecretOf(treeFollowing('a', patched))).toBe('sops-keys')
    expect(givenSecretOf(treeFollowing('a', {}, [kustomization('shop', 'keys'), kustomization('web', 'keys')]))).toBe('keys')
    expect(givenSecretOf(treeFollowing('a', {}, [kustomization('shop', 'keys'), kustomization('web', 'others')]))).toBe('sops-age')
  })
  test('under a name that Flux does not read is asked to be that', async () => {
    put(await encrypted([own.recipient]))
    const data = { 'age.key': Buffer.from(own.identity).toString('base64') }
    const get = (ref: Ref) => Promise.resolve(parseObject({ ...kinds.secret, metadata: { name: ref.name }, data }))
    const found = await checkSopsKey(tree, checkout, (name) =>
      findAgeKey({ get }, { namespace: 'flux-system' }, name, [], createRedactor()),
    )
    expect(found.map(({ what }) => what)).toEqual([
      `nothing can decrypt ${path}: Secret sops-age holds an age key as age.key, but Flux reads only entries whose names end in .agekey`,
    ])
  })
  test('that a capture restores is not missed', async () => {
    put(await encrypted([own.recipient]))
    expect(await checkSopsKey(tree, checkout, () => Promise.resolve('later'))).toEqual([])
  })
})
