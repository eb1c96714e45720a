import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Decryptor, Identity } from './keys.ts'

/** By whom a capture was written: a code for each identity that its author had, by the recipient. The recipient alone, no secret, makes none. */
export type AuthorProof = Readonly<Record<string, string>>

/** The proof for a capture of this checksum; none of a passphrase, which proves by itself who encrypted with it. */
export function proofBy(checksum: string, decryptor: Decryptor | undefined): AuthorProof {
  if (decryptor?.is !== 'identities') return {}
  return Object.fromEntries(decryptor.identities.map((identity) => [identity.recipient, codeOf(checksum, identity)]))
}

/** What a capture's proof says to those who can decrypt it; `forged` of one that someone else has written, or changed. */
export function judgeProof(checksum: string, proof: AuthorProof, decryptor: Decryptor): 'proven' | 'unproven' | 'forged' {
  if (decryptor.is === 'passphrase') return 'proven'
  const known = decryptor.identities.filter(({ recipient }) => Object.hasOwn(proof, recipient))
  if (known.length === 0) return 'unproven'
  return known.every((identity) => isSame(proof[identity.recipient] ?? '', codeOf(checksum, identity))) ? 'proven' : 'forged'
}

function codeOf(checksum: string, { secret }: Identity): string {
  const key = createHash('sha256').update(`flux-runbook capture\n${secret.toUpperCase()}`).digest()
  return createHmac('sha256', key).update(checksum).digest('hex')
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
