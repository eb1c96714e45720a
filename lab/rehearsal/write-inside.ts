import { lstatSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../lib/base/errors.ts'

/** Whether a link is at the path or on the way to it: what is written there may be anywhere on this machine. */
function leadsThroughLink(root: string, file: string): boolean {
  const parts = file.split('/')
  return parts.some((_, index) => lstatSync(join(root, ...parts.slice(0, index + 1)), { throwIfNoEntry: false })?.isSymbolicLink() === true)
}

/** Throws where a link of the repository leads to a file that the lab is to write. */
export function verifyInside(root: string, file: string): void {
  if (!leadsThroughLink(root, file)) return
  throw new OperatorError(`the repository has a link at ${file}, or on the way to it, and the lab has to write there`, {
    kind: 'blocked',
    remedy: 'replace the link by what it leads to, and name the repository again',
  })
}

/**
 * Writes a file of a copy of a repository.
 * @throws OperatorError `blocked` where a link of the repository leads to it
 */
export function writeInside(root: string, file: string, text: string): void {
  verifyInside(root, file)
  writeFileSync(join(root, file), text)
}
