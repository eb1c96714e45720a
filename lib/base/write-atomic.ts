import { appendFileSync, closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
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

/** Appends to a file, 0600, that only grows; throws where a link is in its place: what is said may be the end of any file then. */
export function appendToFile(path: string, text: string): void {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
  const file = openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600)
  try {
    appendFileSync(file, text)
  } finally {
    closeSync(file)
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
