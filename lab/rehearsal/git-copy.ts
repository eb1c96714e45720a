import { mkdirSync, rmSync } from 'node:fs'
import { OperatorError } from '../../lib/base/errors.ts'
import { branch, branchHead, type Git, pushedRef } from '../repository.ts'

/** The files of a folder as a tree of the lab's Git; of a working tree, what Git would add. The folder's own repository is not asked. */
export async function treeOfFolder(git: Git, folder: string, index: string, isWhole: boolean): Promise<string> {
  const env = { GIT_INDEX_FILE: index }
  try {
    rmSync(index, { force: true })
    await git(['add', '--all', ...(isWhole ? ['--force'] : []), '--', '.'], { env: { ...env, GIT_WORK_TREE: folder }, cwd: folder })
    return await git(['write-tree'], { env })
  } finally {
    rmSync(index, { force: true })
  }
}

/** Writes a tree of the lab's Git to a new folder. */
export async function writeTree(git: Git, tree: string, folder: string, index: string): Promise<void> {
  const env = { GIT_INDEX_FILE: index }
  try {
    mkdirSync(folder)
    rmSync(index, { force: true })
    await git(['read-tree', tree], { env })
    await git(['checkout-index', '--all', `--prefix=${folder}/`], { env: { ...env, GIT_WORK_TREE: folder }, cwd: folder })
  } finally {
    rmSync(index, { force: true })
  }
}

/** What is to be committed: the repository as it is, and on top of that, as the lab can follow it. */
export interface Copies {
  readonly original: string
  readonly rewritten: string
  readonly message: string
  /** Replaces what others have committed. */
  readonly overwrite: boolean
}

export type Committed = { readonly is: 'pushed' | 'unchanged'; readonly commit: string }

/**
 * Commits a copy of the repository to the lab's main branch, in two commits, so that `git show` shows what the lab has changed.
 * @throws OperatorError `blocked` where others have committed since, unless that is to be replaced
 */
export async function commitCopies(git: Git, { original, rewritten, message, overwrite }: Copies): Promise<Committed> {
  const head = await branchHead(git)
  if (head !== undefined && rewritten === (await git(['rev-parse', `${head}^{tree}`]))) return { is: 'unchanged', commit: head }
  if (head !== undefined && !overwrite) await refuseToOverwrite(git, head)
  const first = await git(['commit-tree', original, ...(head === undefined ? [] : ['-p', head]), '-m', message])
  const commit = await git(['commit-tree', rewritten, '-p', first, '-m', 'Stand-ins for what the lab cannot fetch'])
  await git(['update-ref', `refs/heads/${branch}`, commit, head ?? ''])
  await git(['update-ref', pushedRef, commit])
  return { is: 'pushed', commit }
}

async function refuseToOverwrite(git: Git, head: string): Promise<void> {
  const pushed = await git(['rev-parse', '--verify', '--quiet', pushedRef]).catch(() => '')
  if (pushed === head) return
  const commits = await git(['log', '--max-count=5', '--format=%h %s', pushed === '' ? head : `${pushed}..${head}`])
  throw new OperatorError(
    `nothing was pushed: others have committed to the lab's Git, which the repository does not have:\n  ${commits.replaceAll('\n', '\n  ')}`,
    { kind: 'blocked', remedy: 'npx zx scripts/lab.ts push --overwrite' },
  )
}

/** Makes a branch of these files alone. */
export async function makeBranch(git: Git, name: string, files: Readonly<Record<string, string>>, index: string): Promise<void> {
  const env = { GIT_INDEX_FILE: index }
  try {
    rmSync(index, { force: true })
    for (const [path, text] of Object.entries(files)) {
      const blob = await git(['hash-object', '-w', '--stdin'], { input: text })
      await git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], { env })
    }
    const tree = await git(['write-tree'], { env })
    const commit = await git(['commit-tree', tree, '-m', `The lab's stand-in for ${name}`])
    await git(['update-ref', `refs/heads/${name}`, commit])
  } finally {
    rmSync(index, { force: true })
  }
}
