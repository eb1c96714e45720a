import { counted } from '../base/counted.ts'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import type { Flags, Values } from '../terminal/flags.ts'
import { askSecret, canAsk } from '../terminal/prompt.ts'
import type { Redactor } from '../base/redactor.ts'
import { type Settings } from '../connection/settings.ts'
import { expandHome } from '../base/paths.ts'
import { identitiesIn, recipientsOf } from '../tools/sops.ts'
import type { Target } from '../connection/target.ts'
import { putFile } from '../base/write-atomic.ts'
import { shellQuote } from '../base/shell-line.ts'

/** Who will be able to open a capture. */
export type Encryptor =
  | { readonly is: 'recipients'; readonly recipients: readonly string[] }
  | { readonly is: 'passphrase'; readonly passphrase: string }

/** Who will, as shown to people: `for age1…`, which is not a secret. */
export function describeReaders(encryptor: Encryptor): string {
  return encryptor.is === 'passphrase' ? 'with the passphrase' : `for ${encryptor.recipients.join(' and ')}`
}

/** What opens a capture; `file` is where the identities are from. */
export type Decryptor =
  | { readonly is: 'identities'; readonly identities: readonly Identity[]; readonly file: string }
  | { readonly is: 'passphrase'; readonly passphrase: string }

/** The file of the identities; undefined where a passphrase opens it. */
export function identityFileOf(decryptor: Decryptor): string | undefined {
  return decryptor.is === 'identities' ? decryptor.file : undefined
}

type IdentityDecryptor = Decryptor & { readonly is: 'identities' }

/** Both halves of an age key; the recipient is not a secret. */
export interface Identity {
  readonly secret: string
  readonly recipient: string
}

export interface CaptureKeys {
  readonly encryptor: Encryptor
  /** Undefined where nobody gave an identity: then the capture cannot be opened again here. */
  readonly decryptor: Decryptor | undefined
}

/** The flags of every script that captures. */
export const captureFlags = {
  recipient: {
    type: 'string',
    value: 'AGE1…',
    help: 'the age public key that can decrypt the capture; comma-separated or repeated',
    repeats: true,
  },
  identity: { type: 'string', value: 'FILE', help: 'the age identity that decrypts the capture, to verify it' },
  include: {
    type: 'string',
    value: 'KIND/NAME',
    help: "also capture this object in Flux's namespace, although it is not Flux's; comma-separated or repeated",
    repeats: true,
  },
  'copy-to': { type: 'string', value: 'FILE', help: 'write a second copy of the capture, for example to another disk' },
} as const satisfies Flags

interface KeySources {
  readonly own: Pick<Values<typeof captureFlags>, 'recipient' | 'identity'>
  readonly settings: Settings
  readonly target: Pick<Target, 'isLab' | 'runs'>
  readonly redactor: Redactor
}

/**
 * The keys of a capture: from the flags, else .env, else the lab's own; else a passphrase, asked for on the terminal.
 * @throws OperatorError `usage` where there are none, or they are malformed
 */
export async function captureKeys(asked: KeySources): Promise<CaptureKeys> {
  const recipients = splitList(asked.own.recipient ?? asked.settings.CAPTURE_RECIPIENTS ?? '')
  if (recipients.length > 0) {
    await verifyRecipients(recipients)
    return { encryptor: { is: 'recipients', recipients }, decryptor: await givenDecryptor(asked) }
  }
  const decryptor = (await givenDecryptor(asked)) ?? (await labDecryptor(asked))
  if (decryptor !== undefined) {
    return { encryptor: { is: 'recipients', recipients: decryptor.identities.map(({ recipient }) => recipient) }, decryptor }
  }
  if (!canAsk()) {
    throw new OperatorError('a capture is encrypted, and no recipient is given', {
      kind: 'usage',
      remedy: 'age-keygen -o FILE creates a key; then pass --recipient age1… (or CAPTURE_RECIPIENTS in .env) and --identity FILE',
    })
  }
  const passphrase = await askNewPassphrase(askSecret)
  asked.redactor.hide(passphrase)
  return { encryptor: { is: 'passphrase', passphrase }, decryptor: { is: 'passphrase', passphrase } }
}

const shortestPassphrase = 10

/**
 * Asks for a passphrase twice, saying why and how long it must be, until both are the same.
 * @param ask asks for a secret, and throws where the person cancels
 */
export async function askNewPassphrase(ask: (message: string) => Promise<string>): Promise<string> {
  const wanted = `a passphrase of at least ${shortestPassphrase} characters`
  let message = `The capture holds Flux's Secrets, so it is encrypted (no --recipient is given): ${wanted}:`
  for (;;) {
    const passphrase = await ask(message)
    if (passphrase.length < shortestPassphrase) message = `That has ${counted(passphrase.length, 'character')}; ${wanted}:`
    else if ((await ask('The same again:')) === passphrase) return passphrase
    else message = `The two passphrases differ; ${wanted}:`
  }
}

/**
 * What opens a capture that was made earlier.
 * @param isPassphrase that the file was encrypted with one (`wantsPassphrase`)
 * @throws OperatorError `usage` where there is nothing to open it with
 */
export async function captureDecryptor(asked: KeySources, isPassphrase: boolean): Promise<Decryptor> {
  if (isPassphrase) {
    if (!canAsk())
      throw new OperatorError('the capture is encrypted with a passphrase, and there is no terminal to ask for it', { kind: 'usage' })
    const passphrase = await askSecret('The passphrase of the capture:')
    asked.redactor.hide(passphrase)
    return { is: 'passphrase', passphrase }
  }
  const decryptor = (await givenDecryptor(asked)) ?? (await labDecryptor(asked))
  if (decryptor !== undefined) return decryptor
  throw new OperatorError('the capture is encrypted for an age identity, and none is given', {
    kind: 'usage',
    remedy: 'pass --identity FILE, or set CAPTURE_IDENTITY_FILE in .env',
  })
}

async function givenDecryptor({ own, settings, redactor }: KeySources): Promise<IdentityDecryptor | undefined> {
  if (own.identity !== undefined) return readIdentities(resolve(own.identity), redactor)
  const { CAPTURE_IDENTITY_FILE: named } = settings
  return named === undefined ? undefined : readIdentities(expandHome(named), redactor)
}

/** A lab has an identity of its own, made when first asked for: nobody need keep a key for clusters that last a day. */
async function labDecryptor({ target, redactor }: KeySources): Promise<IdentityDecryptor | undefined> {
  if (!target.isLab) return undefined
  const file = join(dirname(target.runs), 'capture-identity.txt')
  if (!existsSync(file)) {
    const { generateX25519Identity } = await import('age-encryption')
    putFile(file, `${await generateX25519Identity()}\n`)
  }
  return readIdentities(file, redactor)
}

async function readIdentities(file: string, redactor: Redactor): Promise<IdentityDecryptor> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (cause) {
    throw new OperatorError(`the identity ${file} cannot be read`, { kind: 'usage', remedy: `ls -l ${shellQuote(file)}`, cause })
  }
  const secrets = identitiesIn(content)
  for (const secret of secrets) redactor.hide(secret)
  if (secrets.length === 0) {
    throw new OperatorError(`${file} has no line AGE-SECRET-KEY-…: it is not an age identity`, {
      kind: 'usage',
      remedy: 'age-keygen -o FILE',
    })
  }
  const recipients = await recipientsOf(secrets)
  if (recipients === undefined) {
    throw new OperatorError(`${file} has a malformed line AGE-SECRET-KEY-…`, {
      kind: 'usage',
      remedy: `age-keygen -y ${shellQuote(file)}`,
    })
  }
  return { is: 'identities', identities: secrets.map((secret, at) => ({ secret, recipient: recipients[at] ?? '' })), file }
}

async function verifyRecipients(recipients: readonly string[]): Promise<void> {
  const { Encrypter } = await import('age-encryption')
  for (const recipient of recipients) {
    try {
      new Encrypter().addRecipient(recipient)
    } catch (cause) {
      // Someone may have pasted the secret half.
      const shown = recipient.startsWith('age1') ? `"${recipient}"` : 'what was given'
      throw new OperatorError(`${shown} is not a valid age recipient: one is "age1" and 58 more letters and digits`, {
        kind: 'usage',
        remedy: 'age-keygen -y FILE prints the recipient of an identity',
        cause: recipient.startsWith('age1') ? cause : undefined,
      })
    }
  }
}

/** The values of a flag that takes a list: separated by commas. */
export function splitList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
