import { join } from 'node:path'
import { OperatorError } from '../errors.ts'
import type { Access } from '../kubeconfig.ts'
import { spawnTied } from '../tied-process.ts'
import { type Endpoint, socketEndpoint } from './http.ts'

export interface Proxy {
  readonly endpoint: Endpoint
  readonly close: () => Promise<void>
}

/**
 * Starts `kubectl proxy` on a socket in the folder, which only this person can open. kubectl does the login, whatever its kind. The proxy
 * is an open door with the person's rights: it and the whole folder go with this process, kill -9 included.
 */
export async function openProxy(access: Access, folder: string): Promise<Proxy> {
  const socket = join(folder, 'api.sock')
  const command = [access.kubectl, 'proxy', `--context=${access.context}`, `--unix-socket=${socket}`]
  const { child, ended } = spawnTied(command, { env: access.env, leftover: folder })
  let said = ''
  const serving = new Promise<boolean>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Starting to serve')) resolve(true)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-2000)
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
      await endpoint.pool.destroy()
      child.kill()
      await ended
    },
  }
}
