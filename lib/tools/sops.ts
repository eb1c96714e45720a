import { createDecipheriv } from 'node:crypto'
import * as v from 'valibot'
import { messageOf } from '../base/errors.ts'
import { yamlDocuments } from '../base/yaml.ts'

const keys = v.optional(v.nullable(v.array(v.unknown())), [])
const metadataSchema = v.object({
  kms: keys,
  gcp_kms: keys,
  azure_kv: keys,
  hc_vault: keys,
  pgp: keys,
  age: v.optional(v.nullable(v.array(v.object({ recipient: v.string(), enc: v.string() }))), []),
  mac: v.string(),
  lastmodified: v.string(),
})
const documentSchema = v.object({ sops: metadataSchema })

/** What SOPS notes in a file that it encrypted. */
export type SopsMetadata = v.InferOutput<typeof metadataSchema>

/** The metadata of a YAML file that SOPS encrypted; undefined where it did not. */
export function sopsMetadataOf(text: string): SopsMetadata | undefined {
  if (!/^sops:/m.test(text)) return undefined
  for (const document of yamlDocuments(text, { schema: 'failsafe' })) {
    const parsed = v.safeParse(documentSchema, document.errors.length > 0 ? undefined : document.toJS())
    if (parsed.success) return parsed.output.sops
  }
  return undefined
}

/** Whether a file can be opened by other means than an age key too: by a cloud's key, which the cluster may use without a Secret, or by PGP. */
export function hasOtherKeys({ kms, gcp_kms: gcp, azure_kv: azure, hc_vault: vault, pgp }: SopsMetadata): boolean {
  return [kms, gcp, azure, vault, pgp].some((some) => (some ?? []).length > 0)
}

/** How an age key does with a file. */
export type DecryptionResult =
  | { readonly is: 'opened' }
  /** The file is for other keys. */
  | { readonly is: 'for others'; readonly recipients: readonly string[] }
  /** It has a part for the key, which cannot decrypt what it should, or a part for some key that is none. */
  | { readonly is: 'broken' }

/**
 * Decrypts a file's data key with an age identity, and with that the file's checksum: its authenticated encryption proves the data
 * key right, and no value of the file is ever in the clear.
 */
export async function openSops(metadata: SopsMetadata, identities: readonly string[]): Promise<DecryptionResult> {
  const { armor, Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  const keys = metadata.age ?? []
  let isDamaged = false
  for (const { enc } of keys) {
    const opening = async (): Promise<Uint8Array> => decrypter.decrypt(armor.decode(enc)) // the armor of one that is none cannot be decoded
    const dataKey = await opening().catch((error: unknown) => {
      isDamaged ||= !messageOf(error).includes('no identity matched')
      return undefined
    })
    if (dataKey !== undefined) return { is: isRight(dataKey, metadata) ? 'opened' : 'broken' }
  }
  return isDamaged ? { is: 'broken' } : { is: 'for others', recipients: keys.map(({ recipient }) => recipient) }
}

/** SOPS encrypts the checksum with the data key, and the time of the last change as additional data (getsops/sops aes/cipher.go). */
function isRight(dataKey: Uint8Array, { mac, lastmodified }: SopsMetadata): boolean {
  const found = /^ENC\[AES256_GCM,data:([^,]*),iv:([^,]+),tag:([^,]+),type:\w+\]$/.exec(mac)
  if (found === null) return false
  const [data, iv, tag] = found.slice(1).map((part) => Buffer.from(part, 'base64'))
  if (data === undefined || iv === undefined || tag === undefined) return false
  try {
    const decipher = createDecipheriv('aes-256-gcm', dataKey, iv, { authTagLength: 16 }).setAAD(Buffer.from(lastmodified)).setAuthTag(tag)
    decipher.update(data)
    decipher.final()
    return true
  } catch {
    return false
  }
}

/** The identities in an age key file; the lines between them are comments. */
export function identitiesIn(keyFile: string): string[] {
  return keyFile
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'))
}

/** The public half of each identity, which is not a secret; undefined where one is malformed. */
export async function recipientsOf(identities: readonly string[]): Promise<string[] | undefined> {
  const { identityToRecipient } = await import('age-encryption')
  // What it throws has the identity in it.
  return Promise.all(identities.map((identity) => identityToRecipient(identity))).catch(() => undefined)
}
