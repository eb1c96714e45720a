import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { OperatorError } from '../errors.ts'
import type { Flags, Values } from '../flags.ts'
import { askSecret, canAsk } from '../prompt.ts'
import type { Redactor } from '../redactor.ts'
import { expand, type Settings } from '../settings.ts'
import { identitiesIn, recipientsOf } from '../sops.ts'
import type { Target } from '../target.ts'
import { putFile } from './put-file.ts'

/** Who will be able to open a capture. */
export type Sealer =
  | { readonly is: 'recipients'; readonly recipients: readonly string[] }
  | { readonly is: 'passphrase'; readonly passphrase: string }

/** What opens a capture; `file` is where the identities are from. */
export type Opener =
  | { readonly is: 'identities'; readonly identities: readonly Identity[]; readonly file: string }
  | { readonly is: 'passphrase'; readonly passphrase: string }

type IdentityOpener = Opener & { readonly is: 'identities' }

/** Both halves of an age key; the recipient is no secret. */
export interface Identity {
  readonly secret: string
  readonly recipient: string
}

export interface CaptureKeys {
  readonly sealer: Sealer
  /** Undefined where nobody gave an identity: then the capture cannot be opened again here. */
  readonly opener: Opener | undefined
}

/** The flags of every script that captures. */
export const captureFlags = {
  recipient: {
    type: 'string',
    value: 'AGE1…',
    help: 'who can open the capture, by age public key; comma-separated, or given again',
    repeats: true,
  },
  identity: { type: 'string', value: 'FILE', help: 'the age identity that opens the capture, to see that it can be opened' },
  include: {
    type: 'string',
    value: 'KIND/NAME',
    help: "an object in Flux's namespace that is not Flux's, to be captured too",
    repeats: true,
  },
  'copy-to': { type: 'string', value: 'FILE', help: 'put a copy of the capture there, as on another disk' },
} as const satisfies Flags

interface Asked {
  readonly own: Pick<Values<typeof captureFlags>, 'recipient' | 'identity'>
  readonly settings: Settings
  readonly target: Pick<Target, 'isLab' | 'runs'>
  readonly redactor: Redactor
}

/**
 * The keys of a capture: from the flags, else .env, else the lab's own; else a passphrase, asked for on the terminal.
 * @throws OperatorError `usage` where there are none, or they are malformed
 */
export async function captureKeys(asked: Asked): Promise<CaptureKeys> {
  const recipients = splitList(asked.own.recipient ?? asked.settings.CAPTURE_RECIPIENTS ?? '')
  if (recipients.length > 0) {
    await verifyRecipients(recipients)
    return { sealer: { is: 'recipients', recipients }, opener: await givenOpener(asked) }
  }
  const opener = (await givenOpener(asked)) ?? (await labOpener(asked))
  if (opener !== undefined) {
    return { sealer: { is: 'recipients', recipients: opener.identities.map(({ recipient }) => recipient) }, opener }
  }
  if (!canAsk()) {
    throw new OperatorError('a capture is encrypted, and nobody is named who could open it', {
      kind: 'usage',
      remedy: 'age-keygen -o FILE makes a key; then pass --recipient age1… (or CAPTURE_RECIPIENTS in .env) and --identity FILE',
    })
  }
  const passphrase = await askSecret('A passphrase for the capture:')
  if (passphrase.length < shortestPassphrase) {
    throw new OperatorError(`the passphrase is shorter than ${shortestPassphrase} characters`, { kind: 'usage', remedy: 'take some words' })
  }
  if ((await askSecret('The same again:')) !== passphrase) throw new OperatorError('the two passphrases differ', { kind: 'usage' })
  asked.redactor.hide(passphrase)
  return { sealer: { is: 'passphrase', passphrase }, opener: { is: 'passphrase', passphrase } }
}

const shortestPassphrase = 10

/**
 * What opens a capture that was made earlier.
 * @param isPassphrase that the file was encrypted with one (`wantsPassphrase`)
 * @throws OperatorError `usage` where there is nothing to open it with
 */
export async function captureOpener(asked: Asked, isPassphrase: boolean): Promise<Opener> {
  if (isPassphrase) {
    if (!canAsk())
      throw new OperatorError('the capture opens with a passphrase, and there is no terminal to ask for it on', { kind: 'usage' })
    const passphrase = await askSecret('The passphrase of the capture:')
    asked.redactor.hide(passphrase)
    return { is: 'passphrase', passphrase }
  }
  const opener = (await givenOpener(asked)) ?? (await labOpener(asked))
  if (opener !== undefined) return opener
  throw new OperatorError('the capture opens with an age identity, and none is given', {
    kind: 'usage',
    remedy: 'pass --identity FILE, or set CAPTURE_IDENTITY_FILE in .env',
  })
}

async function givenOpener({ own, settings, redactor }: Asked): Promise<IdentityOpener | undefined> {
  if (own.identity !== undefined) return readIdentities(resolve(own.identity), redactor)
  const { CAPTURE_IDENTITY_FILE: named } = settings
  return named === undefined ? undefined : readIdentities(expand(named), redactor)
}

/** A lab has an identity of its own, made when first asked for: nobody need keep a key for clusters that last a day. */
async function labOpener({ target, redactor }: Asked): Promise<IdentityOpener | undefined> {
  if (!target.isLab) return undefined
  const file = join(dirname(target.runs), 'capture-identity.txt')
  if (!existsSync(file)) {
    const { generateX25519Identity } = await import('age-encryption')
    await putFile(file, Buffer.from(`${await generateX25519Identity()}\n`))
  }
  return readIdentities(file, redactor)
}

async function readIdentities(file: string, redactor: Redactor): Promise<IdentityOpener> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (cause) {
    throw new OperatorError(`the identity ${file} cannot be read`, { kind: 'usage', remedy: `ls -l ${file}`, cause })
  }
  const secrets = identitiesIn(content)
  for (const secret of secrets) redactor.hide(secret)
  if (secrets.length === 0) {
    throw new OperatorError(`${file} holds no line AGE-SECRET-KEY-…: it is no age identity`, {
      kind: 'usage',
      remedy: 'age-keygen -o FILE',
    })
  }
  const recipients = await recipientsOf(secrets)
  if (recipients === undefined) {
    throw new OperatorError(`${file} holds a line AGE-SECRET-KEY-… that is malformed`, { kind: 'usage', remedy: `age-keygen -y ${file}` })
  }
  return { is: 'identities', identities: secrets.map((secret, at) => ({ secret, recipient: recipients[at] ?? '' })), file }
}

async function verifyRecipients(recipients: readonly string[]): Promise<void> {
  const { Encrypter } = await import('age-encryption')
  for (const recipient of recipients) {
    try {
      new Encrypter().addRecipient(recipient)
    } catch (cause) {
      // Somebody may have pasted the secret half.
      const shown = recipient.startsWith('age1') ? `"${recipient}"` : 'what was given'
      throw new OperatorError(`${shown} is no age recipient: those begin with age1`, {
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
