import { hostname, userInfo } from 'node:os'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, OperatorError } from './errors.ts'
import { git, type Remote } from './git.ts'

/** A clone of the remote's branch that lives only as long as it is worked in. The person's own checkout is never touched. */
export interface GitClone {
  readonly folder: string
  /** The commit it began at. */
  readonly head: string
  readonly read: (path: string) => Promise<string>
  /** Writes one file, and commits it. Returns the commit. */
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
    await git(remote.login, ['clone', '--quiet', ...settings, '--single-branch', '--branch', branch, '--', remote.url, folder], { signal })
    return await body(await cloneIn(folder, remote, signal))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function cloneIn(folder: string, remote: Remote, signal: AbortSignal): Promise<GitClone> {
  const here = { cwd: folder, signal }
  const ask = async (...args: string[]): Promise<string> => (await git({ kind: 'none' }, args, here)).replace(/\n$/, '')
  const identity = await identityIn(ask)
  const head = await ask('rev-parse', 'HEAD')
  // As Git has it: no conversion of line ends by anybody's settings.
  const show = (commit: string, path: string): Promise<string> => git({ kind: 'none' }, ['show', `${commit}:${path}`], here)
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
  return {
    folder,
    head,
    read: (path) => show('HEAD', path),
    async commit(path, content, message) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
      await ask('add', '--', path)
      await ask(...identity, 'commit', '--quiet', '--message', message)
      return ask('rev-parse', 'HEAD')
    },
    async commitNothing(message) {
      await ask(...identity, 'commit', '--quiet', '--allow-empty', '--message', message)
      return ask('rev-parse', 'HEAD')
    },
    async revert(commit) {
      const isMerge = (await ask('rev-list', '--parents', '-n', '1', commit)).split(' ').length > 2
      try {
        await ask(...identity, 'revert', '--no-edit', ...(isMerge ? ['-m', '1'] : []), commit)
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
      await git(remote.login, ['push', '--quiet', remote.url, `HEAD:refs/heads/${branch}`], here).catch((error: unknown) => {
        throw explained(error, remote, branch)
      })
    },
  }
}

/** Who commits: the person as his git knows him, else as the machine does. */
async function identityIn(ask: (...args: string[]) => Promise<string>): Promise<string[]> {
  const email = await ask('config', 'user.email').catch(() => '')
  if (email !== '') return []
  const { username } = userInfo()
  return ['-c', `user.name=${username}`, '-c', `user.email=${username}@${hostname()}`]
}

function explained(error: unknown, remote: Remote, branch: string): OperatorError {
  const words = messageOf(error).replace(/^git push failed: /, '')
  const isBehind = /non-fast-forward|fetch first|stale info|cannot lock ref/i.test(words)
  if (isBehind) {
    return new OperatorError(`${remote.url} moved on while this was made: ${branch} has new commits, and nothing was pushed`, {
      remedy: 'run the same command again: it begins at the new head',
      cause: error,
    })
  }
  const isRefused = /protected|pre-receive|hook declined|rejected|denied|not allowed|403/i.test(words)
  return new OperatorError(
    isRefused
      ? `${remote.url} refuses the push to ${branch}, and nothing was pushed: ${words}`
      : `the push to ${remote.url} failed: ${words}`,
    {
      remedy: isRefused
        ? 'where the branch is protected, propose the change: the same command with --branch NAME'
        : `git ls-remote ${remote.url}`,
      cause: error,
    },
  )
}
