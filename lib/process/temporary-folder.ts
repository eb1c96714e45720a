import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A unix socket's path may be no longer than 103 bytes on macOS, 107 on Linux; this is what its name and the folder's take. */
const ownLength = 30

/** Makes a folder for one run, 0700, with a path so short that a unix socket fits into it. Anyone who asks removes it. */
export function makeTemporaryFolder(): string {
  return mkdtempSync(join(tmpdir().length < 103 - ownLength ? tmpdir() : '/tmp', 'flux-runbook-'))
}
