import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { generateX25519Identity } from 'age-encryption'
import { recipientsOf } from '../../lib/tools/sops.ts'
import type { Hand } from './by-hand.ts'

/** Puts an age key into the file, and names it in the person's .env, as the runbook asks for. Returns its recipient. */
export async function placeCaptureKey({ edit }: Pick<Hand, 'edit'>, file: string): Promise<string> {
  const identity = await generateX25519Identity()
  const [recipient = ''] = (await recipientsOf([identity])) ?? []
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${identity}\n`, { mode: 0o600 })
  edit('.env', (text) => `${text}CAPTURE_RECIPIENTS=${recipient}\nCAPTURE_IDENTITY_FILE=${file}\n`)
  return recipient
}
