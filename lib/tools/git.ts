import { showDuration } from '../base/duration.ts'
import { shellQuote } from '../base/shell-line.ts'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { childEnvironment } from '../process/environment.ts'
import { type Ended, lastWordsOf, runProgram } from '../process/program-output.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { ownConfiguration, sshPatience, wayTo } from './git-configuration.ts'
import { GitFailure, unreadableRemote } from './git-failure.ts'
import { type GitLogin, loginFor } from './git-login.ts'

export interface Remote {
  readonly url: string
  /** A full ref: `refs/heads/main`. */
  readonly ref: string
  readonly login: GitLogin
  /** What commits are signed with, if they are: the file of an SSH key, or the id of a key that gpg has. */
  readonly signingKey?: string
}

interface GitOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/**
 * Runs git in a folder of our own, without any login and without the person's configuration.
 * @returns its standard output
 * @throws OperatorError with git's own last words
 */
export function git(args: readonly string[], where: GitOptions = {}): Promise<string> {
  return run(args, { ...where, settings: ownConfiguration.args, env: { ...ownConfiguration.env, ...where.env } })
}

/** The same in the person's own checkout, as they have configured it. */
export function gitOfPerson(args: readonly string[], where: GitOptions): Promise<string> {
  return run(args, { ...where, settings: [], env: { GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' } })
}

/** How long a command that talks to a remote may take, in milliseconds: a server that sends a byte now and then is never silent for too long. */
const longest = 15 * 60_000

/**
 * The same for a command that talks to the remote, with the login if it is the remote's.
 * @param where.deadline how long it may take, in milliseconds
 */
export async function gitAt(
  remote: Remote,
  args: readonly string[],
  { deadline = longest, ...where }: GitOptions & { readonly deadline?: number } = {},
): Promise<string> {
  const late = AbortSignal.timeout(deadline)
  const signal = where.signal === undefined ? late : AbortSignal.any([where.signal, late])
  try {
    return await askRemote(remote, args, { ...where, signal })
  } catch (error) {
    if (!late.aborted || where.signal?.aborted === true) throw error
    throw new GitFailure(subcommandOf(args), `timed out, unfinished after ${showDuration(deadline)}`)
  }
}

async function askRemote(remote: Remote, args: readonly string[], where: GitOptions): Promise<string> {
  const login = loginFor(remote.login, remote.url)
  const env = { ...ownConfiguration.env, ...(await wayTo(remote.url)), ...loginEnvironment(login) }
  if (login.kind !== 'password') return run(args, { ...where, settings: ownConfiguration.args, env })
  // Git asks on a pipe that only git inherits: no argument, variable or file holds the password. It asks for the remote's origin only: not
  // for a server that the remote sends it to, nor for what the repository's own settings name.
  const helper = `credential.${login.origin}.helper=!f() { test "$1" = get && cat <&4; }; f`
  const handover = `username=${login.username}\npassword=${login.password}\n`
  return run(args, { ...where, settings: [...ownConfiguration.args, '-c', helper], env, handover })
}

interface GitCall extends GitOptions {
  readonly settings: readonly string[]
  readonly env: Record<string, string>
  readonly handover?: string
}

async function run(args: readonly string[], { settings, env, ...options }: GitCall): Promise<string> {
  const ended = await runProgram(['git', ...settings, ...args], { ...options, env: childEnvironment(env) })
  if (ended.exitCode === 0) return ended.stdout
  throw new GitFailure(subcommandOf(args), wordsOf(ended))
}

function subcommandOf(args: readonly string[]): string {
  return args.find((arg) => !arg.startsWith('-')) ?? ''
}

/** What went wrong is said by ssh, before git says that something did. */
const afterthought =
  /\nfatal: Could not read from remote repository\.\s+Please make sure you have the correct access rights\s+and the repository exists\.\s*$/

function wordsOf(ended: Ended): string {
  const words = ended.stderr
    .replace(afterthought, '')
    .replace(/^@+\n|^@ .* @\n/gm, '')
    .trim()
  return words === '' ? lastWordsOf(ended) : words.split('\n').slice(-4).join('\n')
}

function loginEnvironment(login: GitLogin): Record<string, string> {
  if (login.kind !== 'ssh') return login.caFile === undefined ? {} : { GIT_SSL_CAINFO: login.caFile }
  const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`
  // No other file may vouch for a host. The double quotes are ssh's own: it takes several files, apart by spaces.
  const hosts = `-o UserKnownHostsFile=${quoted(`"${login.knownHostsFile}"`)} -o GlobalKnownHostsFile=/dev/null`
  return {
    GIT_SSH_COMMAND: `ssh -i ${quoted(login.keyFile)} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o BatchMode=yes ${sshPatience} ${hosts}`,
  }
}

/**
 * The branch that a remote's ref is, for what is to be pushed there.
 * @throws OperatorError `blocked` for a tag, or any other ref that is not a branch: a push would make a branch of its name, which nobody follows
 */
export function branchOf({ ref, url }: Pick<Remote, 'ref' | 'url'>): string {
  if (ref.startsWith(branches)) return ref.slice(branches.length)
  const what = ref.startsWith('refs/tags/') ? 'a tag, which stays at its commit' : 'not a branch'
  throw new OperatorError(`nothing can be pushed to what Flux follows: git_ref of ${url} is ${ref}, ${what}`, {
    kind: 'blocked',
    remedy: `let Flux follow a branch (git_ref: ${branches}main in settings.yaml); or change the file on a branch, tag it, and name the new tag in git_ref`,
  })
}
const branches = 'refs/heads/'

/**
 * The commit that the remote's ref points to; of an annotated tag, the one that it is of.
 * @throws OperatorError naming what is wrong: the login, the URL or the branch
 */
export async function headOf(remote: Remote, signal?: AbortSignal): Promise<string> {
  const options = signal === undefined ? {} : { signal }
  const listed = await gitAt(remote, ['ls-remote', '--', remote.url], options).catch((error: unknown) => {
    throw unreadableRemote(error, remote)
  })
  const refs = listed
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
  // An annotated tag is an object of its own, and listed a second time, peeled, with the commit that it is of.
  const commit = [`${remote.ref}^{}`, remote.ref]
    .map((ref) => refs.find(([, name]) => name === ref)?.[0])
    .find((found) => found !== undefined)
  if (commit !== undefined) return commit
  const names = refs.flatMap(([, name]) => (name?.startsWith(branches) === true ? [name.slice(branches.length)] : []))
  const there = names.length === 0 ? 'it has no branch at all' : `it has ${names.slice(0, 8).join(', ')}`
  throw new OperatorError(`${remote.url} has no ${remote.ref}: ${there}`, {
    kind: 'blocked',
    remedy: `git ls-remote ${shellQuote(remote.url)}`,
  })
}

/**
 * Attributes that win over those of the repository, by which git would write other bytes than the commit has: in another encoding, with other
 * line ends, or with what `$Id$` stands for. Flux's source-controller knows none of them, and applies what the commit has (go-git).
 */
const asCommitted = '* -text !eol -ident !filter !working-tree-encoding\n'

/** The commit holds no such file or folder. */
export class PathMissing extends OperatorError {}

/**
 * Writes the folder `path` of one commit of the remote, as it was committed, to `target`, which must be empty.
 * @throws PathMissing where the commit does not hold it
 */
export async function checkOut(remote: Remote, commit: string, path: string, target: string, signal?: AbortSignal): Promise<void> {
  const options = { cwd: target, ...(signal === undefined ? {} : { signal }) }
  await git(['init', '--quiet'], options)
  await mkdir(join(target, '.git', 'info'), { recursive: true })
  await writeFile(join(target, '.git', 'info', 'attributes'), asCommitted)
  await gitAt(remote, ['fetch', '--quiet', '--depth=1', '--', remote.url, remote.ref], options)
  const fetched = (await git(['rev-parse', 'FETCH_HEAD^{commit}'], options)).trim()
  if (fetched !== commit)
    throw new OperatorError(`${remote.url} moved from ${commit.slice(0, 12)} to ${fetched.slice(0, 12)} just now`, {
      remedy: 'run it again',
    })
  await git(['checkout', '--quiet', 'FETCH_HEAD', '--', path], options).catch(async (error: unknown) => {
    const held = await git(['ls-tree', '--name-only', 'FETCH_HEAD', '--', path], options).catch(() => undefined)
    throw held === '' ? new PathMissing(messageOf(error), { cause: error }) : error
  })
}

/**
 * One file as a commit of the remote has it.
 * @param within a folder of the run's own
 * @throws PathMissing where the commit does not hold it
 */
export async function readAt(remote: Remote, commit: string, file: string, within: string, signal: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(within, 'file-'))
  try {
    await checkOut(remote, commit, file, folder, signal)
    return await git(['show', `${commit}:${file}`], { cwd: folder, signal }) // of a link, what it says, and not what it leads to
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
