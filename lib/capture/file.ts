import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createGunzip, createGzip } from 'node:zlib'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { Capture } from './capture.ts'
import { linesOf, parseLines } from './format.ts'
import type { Decryptor, Encryptor } from './keys.ts'
import { putFile } from '../base/write-atomic.ts'
import { judgeProof, proofBy } from './proof.ts'
import { shellQuote } from '../base/shell-line.ts'

/** What every age file begins with (age-encryption.org/v1). */
const ageMark = 'age-encryption.org/v1\n'

/** The captured text's checksum: the same for what was written and for what is read back. */
export function captureChecksum(capture: Capture): string {
  const hash = createHash('sha256')
  for (const line of linesOf(capture)) hash.update(line)
  return hash.digest('hex')
}

/**
 * Encrypts a capture into a file, 0600, whole or not at all; what was there before is replaced.
 * @param author whose identities prove later who wrote it
 */
export async function writeCapture(path: string, capture: Capture, encryptor: Encryptor, author?: Decryptor): Promise<void> {
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  if (encryptor.is === 'passphrase') encrypter.setPassphrase(encryptor.passphrase)
  else for (const recipient of encryptor.recipients) encrypter.addRecipient(recipient)
  const packed = await buffer(Readable.from(linesOf(capture, proofBy(captureChecksum(capture), author))).pipe(createGzip()))
  putFile(path, await encrypter.encrypt(packed))
}

/**
 * Decrypts a capture and parses all of it: nothing has been touched when this throws.
 * @throws OperatorError `blocked` where the file is damaged or cut short, not a capture, not for this decryptor, or of another version
 */
export async function openCapture(path: string, decryptor: Decryptor): Promise<Capture> {
  return (await openProven(path, decryptor)).capture
}

/**
 * The same, and whether it is certain that someone wrote it who has what decrypts it.
 * @throws OperatorError also where someone else has changed it
 */
export async function openProven(path: string, decryptor: Decryptor): Promise<{ readonly capture: Capture; readonly isProven: boolean }> {
  const sealed = await readSealed(path)
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  if (decryptor.is === 'passphrase') decrypter.addPassphrase(decryptor.passphrase)
  else for (const { secret } of decryptor.identities) decrypter.addIdentity(secret)
  let packed: Uint8Array
  try {
    packed = await decrypter.decrypt(sealed)
  } catch (cause) {
    // The library's own words for it; everything else is a damaged file.
    if (messageOf(cause).includes('no identity matched')) {
      if (decryptor.is === 'passphrase') {
        throw refused(`the passphrase is not the one that ${path} was encrypted with`, 'nothing was changed; run it again', cause)
      }
      throw refused(
        `${decryptor.file} cannot decrypt ${path}: it was encrypted for other recipients`,
        'pass the right key: --identity FILE',
        cause,
      )
    }
    throw refused(`${path} is damaged: it was cut short, or changed after it was written (${messageOf(cause)})`, anotherCopy, cause)
  }
  const unpacked = Readable.from([packed]).pipe(createGunzip())
  try {
    const { capture, proof } = await parseLines(linesFrom(unpacked))
    const verdict = judgeProof(captureChecksum(capture), proof, decryptor)
    if (verdict !== 'forged') return { capture, isProven: verdict === 'proven' }
    throw new OperatorError('someone has changed it, or written it, who does not have the identity that its proof is of')
  } catch (cause) {
    if (cause instanceof OperatorError) throw refused(`${path} cannot be read: ${cause.message}`, cause.remedy ?? anotherCopy, cause)
    // Without the parser's own words: they quote what was encrypted.
    throw refused(`${path} can be decrypted, but contains no capture`, anotherCopy)
  }
}

/** Whether a passphrase opens the file, rather than an identity. Throws OperatorError where it is not an age file. */
export async function wantsPassphrase(path: string): Promise<boolean> {
  const [, stanza = ''] = (await readSealed(path)).subarray(0, 200).toString('latin1').split('\n')
  return stanza.startsWith('-> scrypt ')
}

async function readSealed(path: string): Promise<Buffer> {
  let sealed: Buffer
  try {
    sealed = await readFile(path)
  } catch (cause) {
    throw refused(`the capture ${path} cannot be read: ${messageOf(cause)}`, `ls -l ${shellQuote(path)}`, cause)
  }
  if (sealed.subarray(0, ageMark.length).toString('latin1') === ageMark) return sealed
  throw refused(`${path} is not a capture: it is not a file encrypted with age`, anotherCopy)
}

const anotherCopy = 'nothing was changed; pass another copy: --from FILE'

function refused(what: string, remedy: string, cause?: unknown): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy, ...(cause === undefined ? {} : { cause }) })
}

/** No API server takes an object as large; a file of a few kilobytes can unpack to a line of any length. */
const longestLine = 32 * 1024 * 1024

/** Lines of a stream; an error of the stream is thrown, as readline alone would not. */
async function* linesFrom(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = `${rest}${String(chunk)}`.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > longestLine) throw new Error('it has a line without an end')
    yield* lines
  }
  if (rest !== '') yield rest
}
