import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf, OperatorError } from './errors.ts'
import { shellQuote } from './shell-line.ts'

/**
 * Puts content into a file, 0600, in a folder for its owner alone. It is on disk when this returns, a loss of power included; a file half
 * written never bears its name, and what was there before stays where this throws.
 */
export function putFile(path: string, content: Uint8Array | string): void {
  const unfinished = `${path}.unfinished`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    rmSync(unfinished, { force: true })
    const file = openSync(unfinished, 'wx', 0o600) // `x`: through no link that someone has put there
    try {
      writeFileSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(unfinished, path)
    syncFolder(dirname(path))
  } catch (cause) {
    rmSync(unfinished, { force: true })
    throw new OperatorError(`${path} cannot be written: ${messageOf(cause)}`, {
      remedy: `ls -ld ${shellQuote(dirname(path))}; df ${shellQuote(dirname(path))}`,
      cause,
    })
  }
}

/** A new name is on disk only when its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
