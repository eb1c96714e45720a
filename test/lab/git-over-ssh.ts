import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureSshServer } from '../../lab/build/executables.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { spawnTied } from '../../lib/process/child-process.ts'

/** A Git server over SSH on loopback, and what it takes to enter. */
export interface GitOverSsh {
  readonly url: string
  readonly keyFile: string
  /** Holds the server's own host key; and a file that holds another one for it. */
  readonly knownHosts: string
  readonly wrongHosts: string
  readonly close: () => Promise<void>
}

/** Serves the repository to a key of its own. All files are put into the folder. */
export async function serveOverSsh(repository: string, folder: string): Promise<GitOverSsh> {
  const makeKey = (name: string): string => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(folder, name)])
    return join(folder, name)
  }
  const [hostKey, otherHostKey, keyFile] = [makeKey('host-key'), makeKey('other-host-key'), makeKey('deploy-key')]
  const program = await ensureSshServer(createConsole({ clean: (text) => text }))
  const env = { PATH: process.env.PATH ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
  const { child, ended } = spawnTied([program, hostKey, `${keyFile}.pub`, repository], { env })
  if (child.stdout === null) throw new Error('the SSH server has no stdout')
  const [address]: unknown[] = await once(child.stdout, 'data')
  const [host, port] = String(address).trim().split(':')
  const hosts = (name: string, key: string): string => {
    writeFileSync(join(folder, name), `[${host}]:${port} ${readFileSync(`${key}.pub`, 'utf8')}`)
    return join(folder, name)
  }
  return {
    url: `ssh://git@${host}:${port}/fleet.git`,
    keyFile,
    knownHosts: hosts('known hosts', hostKey), // a space, as in many a home
    wrongHosts: hosts('wrong-hosts', otherHostKey),
    async close() {
      child.kill()
      await ended
    },
  }
}
