import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { putFile } from '../lib/base/write-atomic.ts'
import type { Layout } from './layout.ts'
import { gitUsername } from './repository.ts'

type Place = Pick<Layout, 'registryLogin'>

/** The header Authorization with which the lab's registry is pushed to: the login of the lab's Git. */
export function pushAuthorization(password: string): string {
  return `Basic ${encoded(password)}`
}

/**
 * Writes the login to push with, as helm and flux read it.
 * @param addresses host and port of each address that the registry has
 */
export function writeRegistryLogin({ registryLogin }: Place, password: string, addresses: readonly string[]): void {
  const auths = Object.fromEntries(addresses.map((address) => [address, { auth: encoded(password) }]))
  mkdirSync(registryLogin, { recursive: true, mode: 0o700 })
  putFile(join(registryLogin, 'config.json'), `${JSON.stringify({ auths }, undefined, 2)}\n`)
}

/** The variables that name this login to flux and to helm. */
export function registryLoginVariables({ registryLogin }: Place): Record<string, string> {
  return { DOCKER_CONFIG: registryLogin, HELM_REGISTRY_CONFIG: join(registryLogin, 'config.json') }
}

function encoded(password: string): string {
  return Buffer.from(`${gitUsername}:${password}`).toString('base64')
}
