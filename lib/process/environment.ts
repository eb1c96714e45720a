import { BlockList, isIP } from 'node:net'
import { delimiter, isAbsolute } from 'node:path'

/** What any program needs to run and to reach the network; nothing of ours, and no secrets. */
const ordinary = ['HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TERM', 'TMPDIR', 'TZ', 'SHELL', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME']
const network = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy', 'ALL_PROXY', 'all_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR']
/** What the login programs that kubectl starts read: clouds' own variables, the agent's socket. */
const login = ['KUBECONFIG', 'SSH_AUTH_SOCK', 'DISPLAY', 'BROWSER']
const clouds = ['AWS_', 'AZURE_', 'AAD_', 'GOOGLE_', 'CLOUDSDK_', 'OCI_', 'DIGITALOCEAN_', 'TSH_', 'TELEPORT_']

/** The small environment handed to children, by name, with `more` added. */
export function childEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const { noProxy } = proxies()
  const own = picked((name) => ordinary.includes(name) || network.includes(name))
  return { PATH: absolutePath(), ...own, NO_PROXY: noProxy, no_proxy: noProxy, ...more }
}

const usualFolders = ['/usr/local/bin', '/usr/bin', '/bin']

/** PATH without what is relative to wherever a program runs: in a checkout, what is called `gpg` there would be run. */
function absolutePath(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder))
  return (folders.length === 0 ? usualFolders : folders).join(delimiter) // none at all would mean that folder too
}

/**
 * The ways to the network, as curl and Go read them: a proxy's scheme may be left out, and no proxy can reach what listens on this
 * machine alone, whether NO_PROXY says so or not.
 */
export function proxies(): { readonly httpsProxy: string; readonly httpProxy: string; readonly noProxy: string } {
  const { env } = process
  const entries = (env.no_proxy ?? env.NO_PROXY ?? '').split(/[,\s]+/).filter((entry) => entry !== '')
  const withScheme = (proxy: string): string => (proxy === '' || proxy.includes('://') ? proxy : `http://${proxy}`)
  return {
    httpsProxy: withScheme(env.https_proxy ?? env.HTTPS_PROXY ?? ''),
    httpProxy: withScheme(env.http_proxy ?? env.HTTP_PROXY ?? ''),
    noProxy: entries.includes('*') ? '*' : [...entries, 'localhost', '127.0.0.1', '::1'].join(','),
  }
}

/** Whether a host is an address in one of NO_PROXY's ranges, as `10.0.0.0/8`: curl and Go know these, undici does not. */
export function isInRange(host: string, noProxy: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  if (family === 0) return false
  return noProxy.split(',').some((entry) => {
    const [range = '', bits = ''] = entry.split('/')
    if (!/^\d+$/.test(bits) || isIP(range) !== family || Number(bits) > (family === 4 ? 32 : 128)) return false
    const list = new BlockList()
    list.addSubnet(range, Number(bits), family === 4 ? 'ipv4' : 'ipv6')
    return list.check(address, family === 4 ? 'ipv4' : 'ipv6')
  })
}

/** The environment of kubectl, which starts the login programs that kubeconfig names. */
export function kubectlEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const isLogin = (name: string): boolean => login.includes(name) || clouds.some((prefix) => name.startsWith(prefix))
  return { ...childEnvironment(), ...picked(isLogin), ...more }
}

/**
 * The person's whole environment, except for some names: for a login program that kubeconfig names, which may read anything that the person
 * has set for it, VAULT_TOKEN, GNUPGHOME, KRB5CCNAME or its own.
 */
export function personEnvironment(without: readonly string[], more: Record<string, string> = {}): Record<string, string> {
  return { ...picked((name) => !without.includes(name)), ...childEnvironment(), ...more }
}

function picked(wanted: (name: string) => boolean): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined && wanted(name)) environment[name] = value
  return environment
}
