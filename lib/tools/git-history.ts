import { join } from 'node:path'
import { git, gitAt, gitOfPerson, type Remote } from './git.ts'

/** What came to the remote between two commits. */
export interface Progress {
  /** `1f2c7d0 title`, the newest first. */
  readonly commits: readonly string[]
  /** Files that differ. */
  readonly files: readonly string[]
}

/**
 * Reads what came between two commits of the remote's ref, without the content of any file.
 * @param folder where the history is put: it must not exist yet
 * @returns undefined where `from` is not in the history of `to`: it was rewritten
 */
export async function progressOf(
  remote: Remote,
  from: string,
  to: string,
  folder: string,
  signal: AbortSignal,
): Promise<Progress | undefined> {
  const branch = remote.ref.replace(/^refs\/(heads|tags)\//, '')
  const target = join(folder, 'history')
  const what = ['--bare', '--single-branch', '--branch', branch, '--filter=blob:none']
  await gitAt(remote, ['clone', '--quiet', ...what, '--', remote.url, target], { signal })
  const ask = (...args: string[]): Promise<string> => git(args, { cwd: target, signal })
  const isAncestor = await ask('merge-base', '--is-ancestor', from, to).then(
    () => true,
    () => false,
  )
  if (!isAncestor) return undefined
  const [commits, files] = await Promise.all([
    ask('log', '--format=%h %s', `${from}..${to}`),
    ask('diff', '--no-renames', '--name-only', from, to), // renames are found by content, which is not here
  ])
  return { commits: lines(commits), files: lines(files) }
}

/** How a checkout stands to a commit of the remote, as far as `path` goes. */
export interface CheckoutState {
  /** Commits that the remote has not; undefined where the checkout does not know the remote's commit. */
  readonly unpushed: readonly string[] | undefined
  /** Files changed and not committed. */
  readonly uncommitted: readonly string[]
}

/** Reads how the checkout in `root` stands to the remote's commit. */
export async function checkoutState(root: string, commit: string, path: string, signal: AbortSignal): Promise<CheckoutState> {
  const ask = (...args: string[]): Promise<string> => gitOfPerson(args, { cwd: root, signal })
  const [unpushed, uncommitted] = await Promise.all([
    ask('log', '--format=%h %s', `${commit}..HEAD`, '--', path).catch(() => undefined),
    ask('status', '--porcelain', '--', path),
  ])
  return {
    unpushed: unpushed === undefined ? undefined : lines(unpushed),
    uncommitted: lines(uncommitted).map((line) => line.replace(/^.. /, '')),
  }
}

/** Whether a checkout's own remote is this one, however each spells it. */
export async function comesFrom(root: string, url: string, signal: AbortSignal): Promise<boolean> {
  const remotes = await gitOfPerson(['remote', '--verbose'], { cwd: root, signal }).catch(() => '')
  return lines(remotes).some((line) => spelled(line.split(/\s/)[1] ?? '') === spelled(url))
}

/** `git@host:a/b.git`, `ssh://git@host/a/b` and `https://host/a/b.git` are one repository. */
function spelled(url: string): string {
  return url
    .replace(/^[a-z+]+:\/\//, '')
    .replace(/^[^@/]*@/, '')
    .replace(/^([^/:]+):(?!\d+\/)/, '$1/')
    .replace(/\.git\/?$/, '')
    .toLowerCase()
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
