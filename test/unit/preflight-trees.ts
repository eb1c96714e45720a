import type { Tree } from '../../lib/desired-state/tree.ts'

export type SopsTree = Pick<Tree, 'sync' | 'kustomizations' | 'instance'>

/** What the SOPS check wants to know of a tree: that its cluster follows one folder. */
export function treeFollowing(path: string, values: unknown = {}, kustomizations: SopsTree['kustomizations'] = []): SopsTree {
  const chart = { name: 'flux-instance', releaseName: 'flux-instance', namespace: 'flux-system', url: '', version: '', insecure: false }
  return {
    sync: { url: '', ref: 'refs/heads/main', interval: '1m', path, pullSecret: '', provider: 'generic' },
    kustomizations,
    instance: { ...chart, values, patches: [], tracksDigest: false },
  }
}
