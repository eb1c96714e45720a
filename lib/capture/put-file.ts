import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf, OperatorError } from '../errors.ts'

/** Puts bytes into a file, 0600, on disk when it returns; a file half written never bears its name. */
export async function putFile(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.unfinished`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await rm(unfinished, { force: true })
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } catch (cause) {
    await rm(unfinished, { force: true })
    throw new OperatorError(`${path} cannot be written: ${messageOf(cause)}`, { remedy: `ls -ld ${dirname(path)}`, cause })
  }
}
