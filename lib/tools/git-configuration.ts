import { homedir } from 'node:os'
import { join } from 'node:path'
import { childEnvironment } from '../process/environment.ts'
import { runProgram } from '../process/program-output.ts'

/** git waits forever for a server that says nothing. One that packs says something every five seconds (uploadpack.keepAlive). */
const httpPatience = ['http.lowSpeedLimit=1', 'http.lowSpeedTime=120'] as const
/** The same for ssh, in the options of its command. */
export const sshPatience = '-o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=4'

/**
 * What holds for git in folders of our own, in place of the person's configuration: a signature that wants a passphrase, a hook, a rewritten
 * URL or a filter would break a run in the middle, or do with a repository's content what it says. Git before 2.32 has no
 * GIT_CONFIG_GLOBAL and reads the person's configuration all the same; the arguments say the worst of it once more.
 */
export const ownConfiguration = {
  env: {
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
  },
  args: [
    'core.hooksPath=/dev/null',
    'core.attributesFile=/dev/null',
    'core.excludesFile=/dev/null',
    'commit.gpgSign=false',
    'filter.lfs.process=',
    'filter.lfs.smudge=',
    'filter.lfs.required=false',
    'credential.helper=',
    ...httpPatience,
  ].flatMap((setting) => ['-c', setting]),
} as const

/** What of a person's configuration says how a server is reached, and the variables by which git takes the same. */
const waysByHttp: Readonly<Record<string, readonly string[]>> = {
  'http.proxy': ['HTTPS_PROXY', 'https_proxy', 'http_proxy'],
  'http.proxyauthmethod': ['GIT_HTTP_PROXY_AUTHMETHOD'],
  'http.proxysslcainfo': ['GIT_PROXY_SSL_CAINFO'],
  'http.sslcainfo': ['GIT_SSL_CAINFO'],
  'http.sslcapath': ['GIT_SSL_CAPATH'],
  'http.sslcert': ['GIT_SSL_CERT'],
  'http.sslkey': ['GIT_SSL_KEY'],
}

const known = new Map<string, Promise<Record<string, string>>>()

/**
 * The way to a server as the person's configuration has it, as variables for git: without its proxy and certificate authority the server
 * may not be reached at all. Nothing else of that configuration counts, a switched-off verification of certificates neither.
 */
export function wayTo(url: string): Promise<Record<string, string>> {
  const way = known.get(url) ?? readWay(url)
  known.set(url, way)
  return way
}

async function readWay(url: string): Promise<Record<string, string>> {
  if (!/^https?:\/\//.test(url)) {
    const { GIT_SSH_COMMAND: named = await personal(['config', '--get', 'core.sshCommand']), SSH_AUTH_SOCK = '' } = process.env
    return { GIT_SSH_COMMAND: named === '' ? `ssh ${sshPatience}` : named, ...(SSH_AUTH_SOCK === '' ? {} : { SSH_AUTH_SOCK }) }
  }
  const lines = (await personal(['config', '--get-urlmatch', 'http', url])).split('\n')
  const pairs = lines.flatMap((line) => {
    const [name = '', ...words] = line.split(' ')
    const value = words.join(' ')
    return (waysByHttp[name] ?? []).map((variable) => [variable, value.startsWith('~/') ? join(homedir(), value.slice(2)) : value])
  })
  return Object.fromEntries(pairs)
}

/**
 * What git answers with the person's own configuration, without the last line's end; "" where it fails.
 * @param cwd the person's checkout, or a clone whose remote their configuration may tell apart
 */
export async function personal(args: readonly string[], cwd = '/'): Promise<string> {
  const env = childEnvironment({ GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' })
  const { exitCode, stdout } = await runProgram(['git', ...args], { env, cwd })
  return exitCode === 0 ? stdout.replace(/\n$/, '') : ''
}
