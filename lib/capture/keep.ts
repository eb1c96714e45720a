import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { OperatorError } from '../errors.ts'
import type { Capture } from './capture.ts'
import { digestOf, openCapture, writeCapture } from './file.ts'
import type { Opener, Sealer } from './keys.ts'
import { putFile } from './put-file.ts'

/**
 * Writes a capture into a file, and into a second one where that is wanted; opens each again where there is something that opens it, and
 * compares what is read with what was captured.
 * @param opener of `openerApart`: what still opens it when the cluster's secrets are gone
 */
export async function keepCapture(
  capture: Capture,
  sealer: Sealer,
  opener: Opener | undefined,
  { file, copy }: { file: string; copy: string | undefined },
): Promise<void> {
  await writeCapture(file, capture, sealer)
  if (copy !== undefined) await putFile(copy, await readFile(file))
  if (opener === undefined) return
  const wanted = digestOf(capture)
  for (const place of copy === undefined ? [file] : [file, copy]) {
    if (digestOf(await openCapture(place, opener)) === wanted) continue
    throw new OperatorError(`${place} does not hold what was captured, although it was only just written`, { remedy: `rm ${place}` })
  }
}

/** The checksum of a file, encrypted as it is; undefined where it is not there. */
export async function checksumOf(file: string): Promise<string | undefined> {
  const bytes = await readFile(file).catch(() => undefined)
  return bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex')
}
