import { OperatorError } from './errors.ts'
import { expand, type Settings } from './settings.ts'

/** How the charts' registry is logged in to and trusted. */
export interface RegistryLogin {
  readonly username?: string
  readonly password?: string
  readonly caFile?: string
}

/**
 * The registry's login, from the settings.
 * @throws OperatorError `usage` where half of it is given
 */
export function registryLoginOf(settings: Settings): RegistryLogin {
  const { REGISTRY_USERNAME: username, REGISTRY_PASSWORD: password, REGISTRY_CA_FILE: caFile } = settings
  const ca = caFile === undefined ? {} : { caFile: expand(caFile) }
  if (username !== undefined && password !== undefined) return { username, password, ...ca }
  if (username === undefined && password === undefined) return ca
  throw new OperatorError(
    `${password === undefined ? 'REGISTRY_USERNAME' : 'REGISTRY_PASSWORD'} is set without the other half of the login`,
    {
      kind: 'usage',
      remedy: 'set both REGISTRY_USERNAME and REGISTRY_PASSWORD, or neither (.env.example)',
    },
  )
}

/**
 * The login in the form that helm, docker and a pull secret share (`.dockerconfigjson`); undefined where there is none.
 * @param urls of anything in the registry, or in each of several: `oci://HOST/…`, `HOST/…`
 */
export function dockerConfig({ username, password }: RegistryLogin, ...urls: readonly string[]): string | undefined {
  if (username === undefined || password === undefined) return undefined
  const hosts = new Set(urls.map((url) => url.replace(/^oci:\/\//, '').split('/')[0] ?? ''))
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  return JSON.stringify({ auths: Object.fromEntries([...hosts].map((host) => [host, { username, password, auth }])) })
}
