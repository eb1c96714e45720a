import type { ProcessOutput } from 'zx'
import { complaintOf, shell } from './command.ts'
import { childEnvironment } from './environment.ts'
import { OperatorError } from './errors.ts'

/** How Git's remote is logged in to. */
export type GitLogin =
  | { readonly kind: 'none'; readonly caFile?: string }
  | { readonly kind: 'password'; readonly username: string; readonly password: string; readonly caFile?: string }
  | { readonly kind: 'ssh'; readonly keyFile: string; readonly knownHostsFile: string }

export interface Remote {
  readonly url: string
  /** A full ref: `refs/heads/main`. */
  readonly ref: string
  readonly login: GitLogin
}

/** Git asks for its login on a pipe that only git inherits: no argument, variable or file holds the password. */
const askPipe = ['-c', 'credential.helper=', '-c', 'credential.helper=!f() { test "$1" = get && cat <&4; }; f']

/**
 * Runs git with the remote's login.
 * @returns its standard output
 * @throws OperatorError with git's own last words
 */
export async function git(login: GitLogin, args: readonly string[], options: { cwd?: string; signal?: AbortSignal } = {}): Promise<string> {
  const env = childEnvironment({ GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', ...loginEnvironment(login) })
  const handover = login.kind === 'password' ? `username=${login.username}\npassword=${login.password}\n` : ''
  const ended = await shell(env, { ...options, handover })`git ${[...askPipe, ...args]}`.nothrow()
  options.signal?.throwIfAborted()
  if (ended.exitCode === 0) return ended.stdout
  throw new OperatorError(`git ${args.find((arg) => !arg.startsWith('-')) ?? ''} failed: ${wordsOf(ended)}`)
}

/** What went wrong is said by ssh, before git says that something did. */
const afterthought =
  /\nfatal: Could not read from remote repository\.\s+Please make sure you have the correct access rights\s+and the repository exists\.\s*$/

function wordsOf(ended: ProcessOutput): string {
  const words = ended.stderr
    .replace(afterthought, '')
    .replace(/^@+\n|^@ .* @\n/gm, '')
    .trim()
  return words === '' ? complaintOf(ended) : words.split('\n').slice(-4).join('\n')
}

function loginEnvironment(login: GitLogin): Record<string, string> {
  if (login.kind !== 'ssh') return login.caFile === undefined ? {} : { GIT_SSL_CAINFO: login.caFile }
  const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`
  // No other file may vouch for a host. The double quotes are ssh's own: it takes several files, apart by spaces.
  const hosts = `-o UserKnownHostsFile=${quoted(`"${login.knownHostsFile}"`)} -o GlobalKnownHostsFile=/dev/null`
  return {
    GIT_SSH_COMMAND: `ssh -i ${quoted(login.keyFile)} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o BatchMode=yes ${hosts}`,
  }
}

/**
 * The commit that the remote's ref points to.
 * @throws OperatorError naming what is wrong: the login, the URL or the branch
 */
export async function headOf(remote: Remote, signal?: AbortSignal): Promise<string> {
  const options = signal === undefined ? {} : { signal }
  const listed = await git(remote.login, ['ls-remote', '--', remote.url], options).catch((error: unknown) => {
    throw explained(error, remote)
  })
  const refs = listed
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
  const commit = refs.find(([, name]) => name === remote.ref)?.[0]
  if (commit !== undefined) return commit
  const branches = refs.flatMap(([, name]) => (name?.startsWith('refs/heads/') === true ? [name.slice('refs/heads/'.length)] : []))
  const there = branches.length === 0 ? 'it has no branch at all' : `it has ${branches.slice(0, 8).join(', ')}`
  throw new OperatorError(`${remote.url} has no ${remote.ref}: ${there}`, { kind: 'blocked', remedy: `git ls-remote ${remote.url}` })
}

/** What a Git server that could not be read most likely means, and what to do about it. */
const explanations = [
  {
    sign: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    what: 'the Git server shows a host key that GIT_KNOWN_HOSTS_FILE does not have, at',
    remedy: 'compare that file with the host keys that your Git server publishes; if they differ from what it shows, do not go on',
  },
  {
    sign: /Authentication failed|could not read Username|Permission denied|HTTP Basic|403|401/i,
    what: 'the Git server refuses the login for',
    remedy: 'check GIT_USERNAME and GIT_PASSWORD, or GIT_SSH_KEY_FILE and GIT_KNOWN_HOSTS_FILE (.env.example)',
  },
  {
    sign: /certificate|SSL/i,
    what: 'the certificate of the Git server is not trusted, at',
    remedy: 'name the file with its certificate authority in GIT_CA_FILE (.env.example)',
  },
] as const

function explained(error: unknown, { url }: Remote): OperatorError {
  const words = (error instanceof Error ? error.message : String(error)).replace(/^git ls-remote failed: /, '')
  const { what, remedy } = explanations.find(({ sign }) => sign.test(words)) ?? {
    what: 'Git cannot be reached at',
    remedy: `git ls-remote ${url}`,
  }
  return new OperatorError(`${what} ${url}: ${words}`, { kind: 'blocked', remedy })
}

/** Writes the folder `path` of one commit of the remote to `target`, which must be empty. */
export async function checkOut(remote: Remote, commit: string, path: string, target: string, signal?: AbortSignal): Promise<void> {
  const options = { cwd: target, ...(signal === undefined ? {} : { signal }) }
  await git(remote.login, ['init', '--quiet'], options)
  await git(remote.login, ['fetch', '--quiet', '--depth=1', '--', remote.url, remote.ref], options)
  const fetched = (await git(remote.login, ['rev-parse', 'FETCH_HEAD'], options)).trim()
  if (fetched !== commit)
    throw new OperatorError(`${remote.url} moved from ${commit.slice(0, 12)} to ${fetched.slice(0, 12)} just now`, {
      remedy: 'run it again',
    })
  await git(remote.login, ['checkout', '--quiet', 'FETCH_HEAD', '--', path], options)
}
