import type { Tree } from '../../lib/tree.ts'

export type SopsTree = Pick<Tree, 'sync' | 'kustomizations'>

/** What the SOPS check wants to know of a tree: that its cluster follows one folder. */
export function treeFollowing(path: string): SopsTree {
  return { sync: { url: '', ref: 'refs/heads/main', interval: '1m', path, pullSecret: '' }, kustomizations: [] }
}
