import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../lib/base/errors.ts'
import { addClusterFolders } from './cluster-folders.ts'
import { branch, type Git, branchHead, pushedRef } from './repository.ts'
import { type SettingValues, withSettings } from './settings.ts'

/** The only folder of the checkout that the lab's Git gets. */
const folder = 'kubernetes'

export type PushResult = { readonly is: 'pushed'; readonly commit: string } | { readonly is: 'unchanged'; readonly commit: string }

export interface PushOptions {
  /** The checkout. */
  readonly root: string
  readonly values: SettingValues
  /** The lab's clusters: one that the checkout has no folder for gets a copy of infra's. */
  readonly clusters?: readonly string[]
  readonly message: string
  /** A file of the lab's, for git's index. */
  readonly index: string
  /** Replaces what others have committed to the folder. */
  readonly overwrite: boolean
}

/**
 * Commits the checkout's `kubernetes/`, as it is on disk and with the lab's addresses in it, on top of the lab's main branch. Everything
 * else there stays.
 * @throws OperatorError `blocked` where others have committed to that folder since, unless that is to be replaced
 */
export async function pushTree(git: Git, options: PushOptions): Promise<PushResult> {
  const { root, values, message, index, overwrite } = options
  if (!existsSync(join(root, folder))) {
    throw new OperatorError(`${root} has no folder ${folder} to push`, { kind: 'blocked', remedy: 'git status' })
  }
  const head = await branchHead(git)
  const tree = await writeTree(git, head, { root, values, index, clusters: options.clusters ?? [] })
  if (head !== undefined && tree === (await git(['rev-parse', `${head}^{tree}`]))) {
    await git(['update-ref', pushedRef, head])
    return { is: 'unchanged', commit: head }
  }
  if (head !== undefined && !overwrite) await refuseToOverwrite(git, head)
  const parents = head === undefined ? [] : ['-p', head]
  const commit = await git(['commit-tree', tree, ...parents, '-m', message])
  // Only if nobody has moved the branch meanwhile.
  try {
    await git(['update-ref', `refs/heads/${branch}`, commit, head ?? ''])
  } catch (error) {
    if ((await branchHead(git)) === head) throw error
    return pushTree(git, options) // someone was faster: on top of their commit then
  }
  await git(['update-ref', pushedRef, commit])
  return { is: 'pushed', commit }
}

async function writeTree(
  git: Git,
  head: string | undefined,
  { root, values, index, clusters }: Required<Pick<PushOptions, 'root' | 'values' | 'index' | 'clusters'>>,
): Promise<string> {
  rmSync(index, { force: true })
  const env = { GIT_INDEX_FILE: index }
  try {
    if (head !== undefined) await git(['read-tree', head], { env })
    await git(['add', '--all', '--', folder], { env: { ...env, GIT_WORK_TREE: root }, cwd: root })
    for (const cluster of readdirSync(join(root, folder, 'clusters'))) {
      const path = join(folder, 'clusters', cluster, 'settings.yaml')
      const file = join(root, path)
      if (!existsSync(file)) continue
      const blob = await git(['hash-object', '-w', '--stdin'], { input: withSettings(readFileSync(file, 'utf8'), path, values) })
      await git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], { env })
    }
    await addClusterFolders(git, clusters, env)
    return await git(['write-tree'], { env })
  } finally {
    rmSync(index, { force: true })
  }
}

async function refuseToOverwrite(git: Git, head: string): Promise<void> {
  const pushed = await git(['rev-parse', '--verify', '--quiet', pushedRef]).catch(() => '')
  const treeOf = (commit: string): Promise<string> => git(['rev-parse', '--verify', '--quiet', `${commit}:${folder}`]).catch(() => '')
  if (pushed !== '' && (await treeOf(pushed)) === (await treeOf(head))) return
  const range = pushed === '' ? head : `${pushed}..${head}`
  const commits = await git(['log', '--max-count=5', '--format=%h %s', range, '--', folder])
  throw new OperatorError(
    `nothing was pushed: others have committed to ${folder}/ in the lab's Git, which this tree does not have:\n  ${commits.replaceAll('\n', '\n  ')}`,
    { kind: 'blocked', remedy: 'npx zx scripts/lab.ts push --overwrite' },
  )
}

/** Whether the lab's Git has the checkout's tree as it is on disk. */
export async function isPushed(
  git: Git,
  { root, values, index, clusters = [] }: Pick<PushOptions, 'root' | 'values' | 'index' | 'clusters'>,
): Promise<boolean> {
  const head = await branchHead(git)
  if (head === undefined) return false
  return (await writeTree(git, head, { root, values, index, clusters })) === (await git(['rev-parse', `${head}^{tree}`]))
}
