import { join } from 'node:path'
import { OperatorError } from '../errors.ts'
import type { Access } from '../kubeconfig.ts'
import { canAsk } from '../prompt.ts'
import { spawnTied } from '../tied-process.ts'
import { type Endpoint, socketEndpoint } from './transport.ts'

/** What kubectl logs of itself, as `E1125 00:12:03.1 …`, and not what a login program says. */
const ownWords = /^[IWEF]\d{4} /

export interface Proxy {
  readonly endpoint: Endpoint
  readonly close: () => Promise<void>
}

/**
 * Starts `kubectl proxy` on a socket in the folder, which only this person can open. kubectl does the login, whatever its kind: a login
 * program may ask its questions on the terminal, at the first request and whenever its token has run out. The proxy is an open door with
 * the person's rights: it and the whole folder go with this process, kill -9 included.
 */
export async function openProxy(access: Access, folder: string): Promise<Proxy> {
  const socket = join(folder, 'api.sock')
  const command = [access.kubectl, 'proxy', `--context=${access.context}`, `--unix-socket=${socket}`]
  const asks = access.login !== undefined && access.login.asks !== 'never' && canAsk()
  const { child, ended } = spawnTied(command, { env: access.env, leftover: folder, readsTerminal: asks })
  let said = ''
  const serving = new Promise<boolean>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Starting to serve')) resolve(true)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      said = `${said}${text}`.slice(-2000)
      if (asks && !ownWords.test(text)) process.stderr.write(text)
    })
    child.once('close', () => resolve(false))
    child.once('error', () => resolve(false))
  })
  if (!(await serving)) {
    throw new OperatorError(`kubectl proxy did not start for context ${access.context}: ${said.trim()}`, {
      kind: 'blocked',
      remedy: `kubectl --context ${access.context} get --raw /version`,
    })
  }
  const endpoint = socketEndpoint(socket)
  return {
    endpoint,
    async close() {
      endpoint.close()
      // With all its group: a login program that still asks would go on to read what is typed.
      if (asks && child.pid !== undefined) process.kill(-child.pid)
      else child.kill()
      await ended
    },
  }
}
