import * as v from 'valibot'
import { kinds, nameOf } from '../kubernetes/objects.ts'
import { OperatorError } from '../base/errors.ts'
import { recipientsOf } from '../tools/sops.ts'
import { type Capture, type Entry, read } from './capture.ts'
import type { CaptureKeys, Decryptor } from './keys.ts'

const dataSchema = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) })
const secretKey = /AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]+/gi

/** Which Secret or ConfigMap of the capture holds which age key, by its public half. */
async function keysWithin(entries: readonly Entry[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const entry of entries) {
    const { kind } = entry.ref
    if (kind !== kinds.secret.kind && kind !== kinds.configMap.kind) continue
    const values = Object.values(v.parse(dataSchema, read(entry).object).data)
    const texts = kind === kinds.secret.kind ? values.map((value) => Buffer.from(value, 'base64').toString('latin1')) : values
    const secrets = texts.flatMap((text) => text.match(secretKey) ?? []).map((secret) => secret.toUpperCase())
    // One at a time: a malformed key, which opens nothing, must not hide the others.
    const recipients = await Promise.all(secrets.map((secret) => recipientsOf([secret])))
    for (const recipient of recipients.flatMap((some) => some ?? [])) found.set(recipient, nameOf(entry.ref))
  }
  return found
}

/**
 * What opens a capture of this once its cluster's secrets are gone: of the identities given, those that are not themselves captured.
 * @throws OperatorError `blocked` where there is none, or none that fits
 */
export async function externalDecryptor({ encryptor, decryptor }: CaptureKeys, { entries }: Pick<Capture, 'entries'>): Promise<Decryptor> {
  if (decryptor === undefined) {
    throw blocked('no identity is given to decrypt the capture, so it cannot be verified', giveIdentity)
  }
  if (decryptor.is === 'passphrase' || encryptor.is === 'passphrase') return decryptor
  const within = await keysWithin(entries)
  const identities = decryptor.identities.filter(({ recipient }) => !within.has(recipient))
  if (identities.length === 0) {
    const holders = [...new Set(decryptor.identities.map(({ recipient }) => within.get(recipient) ?? ''))].join(', ')
    throw blocked(
      `the identity in ${decryptor.file} is itself part of the capture (${holders}): without the cluster, nothing could decrypt the capture`,
      'age-keygen -o FILE creates another key; keep it outside the cluster, and set CAPTURE_RECIPIENTS and CAPTURE_IDENTITY_FILE in .env',
    )
  }
  if (identities.some(({ recipient }) => encryptor.recipients.includes(recipient))) return { ...decryptor, identities }
  throw blocked(
    `the identity in ${decryptor.file} cannot decrypt a capture for ${encryptor.recipients.join(', ')}: it is ${identities.map(({ recipient }) => recipient).join(', ')}`,
    'pass its recipient too: --recipient, or CAPTURE_RECIPIENTS in .env',
  )
}

const giveIdentity = 'pass --identity FILE, or set CAPTURE_IDENTITY_FILE in .env'

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy })
}
