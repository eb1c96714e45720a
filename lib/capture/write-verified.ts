import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { OperatorError } from '../base/errors.ts'
import type { Capture } from './capture.ts'
import { captureChecksum, openCapture, writeCapture } from './file.ts'
import type { Decryptor, Encryptor } from './keys.ts'
import { putFile } from '../base/write-atomic.ts'
import { shellQuote } from '../base/shell-line.ts'

/**
 * Writes a capture into a file, and into a second one where that is wanted; opens each again where there is something that opens it, and
 * compares what is read with what was captured.
 * @param decryptor of `externalDecryptor`: what still opens it when the cluster's secrets are gone
 */
export async function keepCapture(
  capture: Capture,
  encryptor: Encryptor,
  decryptor: Decryptor | undefined,
  { file, copy }: { file: string; copy: string | undefined },
): Promise<void> {
  await writeCapture(file, capture, encryptor, decryptor)
  if (copy !== undefined) putFile(copy, await readFile(file))
  if (decryptor === undefined) return
  const wanted = captureChecksum(capture)
  for (const place of copy === undefined ? [file] : [file, copy]) {
    if (captureChecksum(await openCapture(place, decryptor)) === wanted) continue
    throw new OperatorError(`${place} does not contain what was captured, although it was just written`, {
      remedy: `rm ${shellQuote(place)}`,
    })
  }
}

/** The checksum of a file, encrypted as it is; undefined where it does not exist. */
export async function checksumOf(file: string): Promise<string | undefined> {
  const bytes = await readFile(file).catch(() => undefined)
  return bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex')
}

/** Where a capture is, and who can open it, as the report says it. */
export function fileLines({ file, copy, readers }: { readonly file: string; readonly copy?: string; readonly readers?: string }): string[] {
  return [
    `- file: ${file}`,
    ...(copy === undefined ? [] : [`- copy: ${copy}`]),
    ...(readers === undefined ? [] : [`- encrypted ${readers}`]),
  ]
}
