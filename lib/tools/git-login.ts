/** How Git's remote is logged in to. A login belongs to one origin, and is never sent to another. */
export type GitLogin =
  | { readonly kind: 'none'; readonly caFile?: string }
  | {
      readonly kind: 'password'
      readonly username: string
      readonly password: string
      /** `https://git.example.com`, with the port where it is not the usual one. */
      readonly origin: string
      readonly caFile?: string
    }
  | { readonly kind: 'ssh'; readonly keyFile: string; readonly knownHostsFile: string; readonly origin: string }

const usualPorts: Readonly<Record<string, string>> = { 'ssh:': ':22', 'git:': ':9418' }

/** Where a remote is: scheme, host and port. `git@host:a/b` is SSH. undefined for a path of this machine, or what is not an URL. */
export function originOf(url: string): string | undefined {
  if (!url.includes('://')) {
    const host = /^(?:[^@/\s]+@)?([\w.-]{2,}):/.exec(url)?.[1]
    return host === undefined ? undefined : `ssh://${host.toLowerCase()}`
  }
  if (!URL.canParse(url)) return undefined
  const { protocol, host } = new URL(url)
  const usual = usualPorts[protocol] ?? ''
  const bare = host.toLowerCase()
  return bare === '' ? undefined : `${protocol}//${usual !== '' && bare.endsWith(usual) ? bare.slice(0, -usual.length) : bare}`
}

/** The login for a remote: none where it belongs to another origin than the remote's, whose authority is not trusted for it either. */
export function loginFor(login: GitLogin, url: string): GitLogin {
  return isForOther(login, url) ? { kind: 'none' } : login
}

/** Whether there is a login, and it belongs to another origin than the remote's. */
export function isForOther(login: GitLogin, url: string): login is Exclude<GitLogin, { kind: 'none' }> {
  return login.kind !== 'none' && login.origin !== originOf(url)
}

/** Why a remote gets no login. */
export function whyNoLogin(login: GitLogin, url: string): string {
  const where = originOf(url) ?? url
  return login.kind === 'none' ? `there is no login for ${where}` : `the login for Git is for ${login.origin}, not for ${where}`
}
