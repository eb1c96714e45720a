import { existsSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { OperatorError } from '../../lib/base/errors.ts'
import { nearest } from '../../lib/base/nearest.ts'
import { shellQuote } from '../../lib/base/shell-line.ts'
import { type ClusterRoot, folderOf } from '../../lib/commands/validate/cluster-tree.ts'
import { bareRoot } from '../../lib/commands/validate/flux-roots.ts'

/** A cluster of the lab, and where its tree begins. */
export interface ChosenRoot {
  readonly cluster: string
  readonly start: ClusterRoot
}

/**
 * Which path of a repository each cluster follows: the one that was named; else the only one that there is, or the one whose last part is the
 * cluster's name.
 * @param root the top of the repository
 * @throws OperatorError `usage` where that is not clear, or the path does not exist
 */
export function chooseRoots(
  root: string,
  found: readonly ClusterRoot[],
  { clusters, path, from }: { readonly clusters: readonly string[]; readonly path: string | undefined; readonly from: string },
): ChosenRoot[] {
  const folders = found.map((one) => one.cluster).sort()
  const again = (folder: string): string => `npx zx scripts/lab.ts up --repository ${shellQuote(from)} --path ${shellQuote(folder)}`
  if (path !== undefined) {
    const folder = folderOf(path)
    const isThere = !folder.startsWith('..') && existsSync(join(root, folder)) && statSync(join(root, folder)).isDirectory()
    if (!isThere) {
      const close = nearest(folder, folders) ?? folders[0]
      throw new OperatorError(`${from} has no folder ${path}`, {
        kind: 'usage',
        remedy: close === undefined ? 'name a folder that Flux could follow' : again(close),
      })
    }
    const start = found.find((one) => one.cluster === folder) ?? bareRoot(folder)
    return clusters.map((cluster) => ({ cluster, start }))
  }
  const [only] = found
  return clusters.map((cluster) => {
    const named = found.filter((one) => posix.basename(one.cluster) === cluster)
    const start = named.length === 1 ? named[0] : found.length === 1 ? only : undefined
    if (start !== undefined) return { cluster, start }
    throw new OperatorError(
      found.length === 0
        ? `${from} holds nothing that Flux could follow: no FluxInstance, no Kustomization, no kustomization.yaml`
        : `which path does cluster ${cluster} follow? ${from} has ${folders.join(', ')}`,
      { kind: 'usage', remedy: found.length === 0 ? 'name the repository, or the folder that is its top' : again(folders[0] ?? '') },
    )
  })
}
