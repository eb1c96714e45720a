import { rmSync } from 'node:fs'
import { branch, branchHead, type Git, pushedRef } from './repository.ts'

const model = 'infra'
/** The folders of the tree that are one cluster's own. */
const ownFolders = ['kubernetes/clusters', 'kubernetes/infrastructure/gitops/flux-instance'] as const

/**
 * Adds to git's index the folders of each of these clusters that has none: those of infra, with this cluster's name in them.
 * @param env names the index
 */
export async function addClusterFolders(git: Git, clusters: readonly string[], env: Record<string, string>): Promise<void> {
  const listed = await git(['ls-files', '--stage', '--', ...ownFolders], { env })
  const files = listed.split('\n').flatMap((line) => {
    const [, mode, blob, path] = /^(\d+) ([0-9a-f]+) \d+\t(.+)$/.exec(line) ?? []
    return mode === undefined || blob === undefined || path === undefined ? [] : [{ mode, blob, path }]
  })
  const missing = clusters.filter((name) => !files.some(({ path }) => path.startsWith(`${ownFolders[0]}/${name}/`)))
  for (const name of missing) {
    for (const { mode, blob, path } of files) {
      const folder = ownFolders.find((one) => path.startsWith(`${one}/${model}/`))
      if (folder === undefined) continue
      const content = ofCluster(await git(['cat-file', 'blob', blob]), name)
      const copy = await git(['hash-object', '-w', '--stdin'], { input: `${content}\n` })
      const to = `${folder}/${name}${path.slice(`${folder}/${model}`.length)}`
      await git(['update-index', '--add', '--cacheinfo', `${mode},${copy},${to}`], { env })
    }
  }
}

/** What infra's file says, said of another cluster. */
export function ofCluster(text: string, name: string): string {
  return text
    .replaceAll(`${model}-gitops`, `${name}-gitops`)
    .replaceAll(new RegExp(`\\b(clusters|flux-instance)/${model}\\b`, 'g'), `$1/${name}`)
}

/**
 * Commits the folders of the clusters that have none yet, on top of what is there. All else stays.
 * @param index a file of the lab's, for git's index
 */
export async function commitClusterFolders(git: Git, clusters: readonly string[], index: string): Promise<void> {
  const head = await branchHead(git)
  if (head === undefined) return
  const env = { GIT_INDEX_FILE: index }
  try {
    rmSync(index, { force: true })
    await git(['read-tree', head], { env })
    await addClusterFolders(git, clusters, env)
    const tree = await git(['write-tree'], { env })
    if (tree === (await git(['rev-parse', `${head}^{tree}`]))) return
    const commit = await git(['commit-tree', tree, '-p', head, '-m', `Folders for ${clusters.join(', ')}`])
    await git(['update-ref', `refs/heads/${branch}`, commit, head])
    // Where nobody else had committed, nobody else has now.
    const pushed = await git(['rev-parse', '--verify', '--quiet', pushedRef]).catch(() => '')
    if (pushed === head) await git(['update-ref', pushedRef, commit])
  } finally {
    rmSync(index, { force: true })
  }
}
