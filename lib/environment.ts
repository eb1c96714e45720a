/** What any program needs to run and to reach the network; nothing of ours, and no secrets. */
const ordinary = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TERM', 'TMPDIR', 'TZ', 'SHELL', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME']
const network = [
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'https_proxy',
  'http_proxy',
  'no_proxy',
  'ALL_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
]
/** What the login programs that kubectl starts read: clouds' own variables, the agent's socket. */
const login = ['KUBECONFIG', 'SSH_AUTH_SOCK', 'DISPLAY', 'BROWSER']
const clouds = ['AWS_', 'AZURE_', 'AAD_', 'GOOGLE_', 'CLOUDSDK_', 'OCI_', 'DIGITALOCEAN_', 'TSH_', 'TELEPORT_']

/** The small environment handed to children, by name, with `more` added. */
export function childEnvironment(more: Record<string, string> = {}): Record<string, string> {
  return { ...picked((name) => ordinary.includes(name) || network.includes(name)), ...more }
}

/** The environment of kubectl, which starts the login programs that kubeconfig names. */
export function kubectlEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const isLogin = (name: string): boolean => login.includes(name) || clouds.some((prefix) => name.startsWith(prefix))
  return { ...childEnvironment(), ...picked(isLogin), ...more }
}

function picked(wanted: (name: string) => boolean): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined && wanted(name)) environment[name] = value
  return environment
}
