/** How the charts' registry is logged in to and trusted. */
export interface RegistryLogin {
  readonly username?: string
  readonly password?: string
  readonly caFile?: string
  /** The only registries that it is sent to, `HOST` or `HOST:PORT`, whatever Git names; any where left out, as on the lab. */
  readonly hosts?: readonly string[]
}

/** The registry of anything in it: `oci://HOST/…`, `HOST/…`. */
export function registryOf(url: string): string {
  return (
    url
      .replace(/^oci:\/\//, '')
      .split('/')[0]
      ?.toLowerCase() ?? ''
  )
}

/** That a registry is on this machine: it speaks plain http. */
export function isLocal(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}

/** The login for a registry: the authority alone where it belongs to another. */
export function registryLoginFor(login: RegistryLogin, host: string): RegistryLogin {
  const { hosts, caFile } = login
  if (hosts === undefined || hosts.includes(host.toLowerCase())) return login
  return caFile === undefined ? {} : { caFile }
}

/**
 * The login in the form that helm, docker and a pull secret share (`.dockerconfigjson`); undefined where there is none for any of them.
 * @param urls of anything in the registry, or in each of several
 */
export function dockerConfig(login: RegistryLogin, ...urls: readonly string[]): string | undefined {
  const auths = [...new Set(urls.map(registryOf))].flatMap((host) => {
    const { username, password } = registryLoginFor(login, host)
    if (username === undefined || password === undefined) return []
    return [[host, { username, password, auth: Buffer.from(`${username}:${password}`).toString('base64') }]]
  })
  return auths.length === 0 ? undefined : JSON.stringify({ auths: Object.fromEntries(auths) })
}
