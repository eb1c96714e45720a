import { shellQuote } from '../base/shell-line.ts'
import { hostname, userInfo } from 'node:os'
import { lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { git, gitAt, type Remote } from './git.ts'
import { gitWords } from './git-failure.ts'
import { signingFor } from './git-signing.ts'
import { personal } from './git-configuration.ts'

/** A clone of the remote's branch that lives only as long as it is worked in. The person's own checkout is never touched. */
export interface GitClone {
  readonly folder: string
  /** The commit it began at. */
  readonly head: string
  readonly read: (path: string) => Promise<string>
  /** Writes one file, and commits it; throws where a link leads to it. Returns the commit. */
  readonly commit: (path: string, content: string, message: string) => Promise<string>
  /** Commits a message and no change. Returns the commit. */
  readonly commitNothing: (message: string) => Promise<string>
  /** Reverts a commit as `git revert` does. Returns the commit that does it; undefined where later ones are in its way. */
  readonly revert: (commit: string) => Promise<string | undefined>
  /** What differs between two commits, as `git diff` shows it. */
  readonly diff: (from: string, to: string) => Promise<string>
  /** The commits of the branch itself that changed the file, the newest first; a merge is one of them. */
  readonly history: (path: string) => Promise<readonly string[]>
  /** The file as a commit has it. */
  readonly show: (commit: string, path: string) => Promise<string>
  readonly filesOf: (commit: string) => Promise<readonly string[]>
  /** Whether the branch holds the commit. */
  readonly holds: (commit: string) => Promise<boolean>
  /** Pushes what was committed; never by force. */
  readonly push: (branch: string) => Promise<void>
}

/** Bytes are to stay as they are, git's advice would hide why a push is refused, and what is soon gone needs no upkeep. */
const settings = ['core.autocrlf', 'core.safecrlf', 'advice.pushUpdateRejected', 'maintenance.auto'].flatMap((name) => [
  '-c',
  `${name}=false`,
])

/** Does something in a clone of the remote's ref, which is gone afterwards. */
export async function inClone<T>(remote: Remote, within: string, signal: AbortSignal, body: (clone: GitClone) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(within, 'clone-'))
  try {
    const branch = remote.ref.replace(/^refs\/(heads|tags)\//, '')
    await gitAt(remote, ['clone', '--quiet', ...settings, '--single-branch', '--branch', branch, '--', remote.url, folder], { signal })
    return await body(await cloneIn(folder, remote, signal))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function cloneIn(folder: string, remote: Remote, signal: AbortSignal): Promise<GitClone> {
  const here = { cwd: folder, signal }
  const ask = async (...args: string[]): Promise<string> => (await git(args, here)).replace(/\n$/, '')
  const identity = await identityIn(folder)
  const { args, env } = signingFor(remote)
  const record = async (...words: string[]): Promise<string> => git([...identity, ...args, ...words], { ...here, env })
  const head = await ask('rev-parse', 'HEAD')
  // As Git has it: no conversion of line ends by anyone's settings.
  const show = (commit: string, path: string): Promise<string> => git(['show', `${commit}:${path}`], here)
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
  return {
    folder,
    head,
    read: (path) => show('HEAD', path),
    async commit(path, content, message) {
      await verifyNoLink(folder, path)
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
      await ask('add', '--', path)
      await record('commit', '--quiet', '--message', message)
      return ask('rev-parse', 'HEAD')
    },
    async commitNothing(message) {
      await record('commit', '--quiet', '--allow-empty', '--message', message)
      return ask('rev-parse', 'HEAD')
    },
    async revert(commit) {
      const isMerge = (await ask('rev-list', '--parents', '-n', '1', commit)).split(' ').length > 2
      try {
        await record('revert', '--no-edit', ...(isMerge ? ['-m', '1'] : []), commit)
      } catch {
        await ask('revert', '--abort').catch(() => undefined)
        return undefined
      }
      return ask('rev-parse', 'HEAD')
    },
    diff: (from, to) => ask('diff', '--no-color', '--unified=0', from, to),
    history: async (path) => lines(await ask('log', '--first-parent', '--format=%H', '--', path)),
    show,
    filesOf: async (commit) => lines(await ask('diff', '--name-only', `${commit}^`, commit)),
    holds: (commit) =>
      ask('merge-base', '--is-ancestor', commit, 'HEAD').then(
        () => true,
        () => false,
      ),
    async push(branch) {
      await gitAt(remote, ['push', '--quiet', remote.url, `HEAD:refs/heads/${branch}`], here).catch((error: unknown) => {
        throw explained(error, remote, branch)
      })
    },
  }
}

/** Throws where Git has a link at the path, or on the way to it: what is written there may be anywhere on this machine. */
async function verifyNoLink(folder: string, path: string): Promise<void> {
  const words = path.split('/')
  for (const at of words.keys()) {
    const part = words.slice(0, at + 1).join('/')
    const found = await lstat(join(folder, part)).catch(() => undefined)
    if (found?.isSymbolicLink() !== true) continue
    throw new OperatorError(`${path} is not written: ${part} is a link in Git, which may lead anywhere`, {
      kind: 'blocked',
      remedy: `put a file or a folder in the place of ${part} in Git, push, and run again`,
    })
  }
}

/** Who commits: the person as their git knows them, else as the machine does. */
async function identityIn(folder: string): Promise<string[]> {
  const { username } = userInfo()
  const [name, email] = await Promise.all([personal(['config', 'user.name'], folder), personal(['config', 'user.email'], folder)])
  const known = email === '' ? { name: username, email: `${username}@${hostname()}` } : { name: name === '' ? username : name, email }
  return ['-c', `user.name=${known.name}`, '-c', `user.email=${known.email}`]
}

/** A push that failed. */
export class PushError extends OperatorError {
  /** The branch has new commits; the server takes no such push; or it is not known whether anything was pushed. */
  readonly because: 'moved-on' | 'refused' | 'unknown'

  constructor(because: PushError['because'], what: string, options: { remedy: string; cause: unknown }) {
    super(what, options)
    this.because = because
  }
}

function explained(error: unknown, remote: Remote, branch: string): PushError {
  const words = gitWords(error)
  const isBehind = /non-fast-forward|fetch first|stale info|cannot lock ref/i.test(words)
  if (isBehind) {
    return new PushError('moved-on', `${remote.url} moved on meanwhile: ${branch} has new commits, and nothing was pushed`, {
      remedy: 'to start from its new head: the same command',
      cause: error,
    })
  }
  const isRefused = /protected|pre-receive|hook declined|rejected|denied|not allowed|403/i.test(words)
  return new PushError(
    isRefused ? 'refused' : 'unknown',
    isRefused
      ? `${remote.url} refuses the push to ${branch}, and nothing was pushed: ${words}`
      : `the push to ${remote.url} failed: ${words}`,
    {
      remedy: isRefused
        ? 'if the branch is protected, propose the change on another: --branch propose-flux'
        : `git ls-remote ${shellQuote(remote.url)}`,
      cause: error,
    },
  )
}
