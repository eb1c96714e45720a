import { fluxKinds } from '../../flux/kinds.ts'
import { usualNamespace } from '../../flux/refs.ts'
import { manifestOf } from '../../kubernetes/manifest.ts'
import { type ClusterRoot, folderOf } from './cluster-tree.ts'
import type { SourceFile } from './source.ts'

const clustersFolder = 'kubernetes/clusters'

/** The clusters that this project's tree has a folder for. */
export function projectRoots(files: readonly SourceFile[]): ClusterRoot[] {
  const found = files.flatMap(({ file }) => /^kubernetes\/clusters\/([^/]+)\/kustomization\.yaml$/.exec(file)?.[1] ?? [])
  return [...new Set(found)].map((cluster) => {
    const folder = `${clustersFolder}/${cluster}`
    const object = manifestOf({ ...fluxKinds.kustomization, namespace: usualNamespace, name: usualNamespace }, { spec: { path: folder } })
    const place = () => ({ file: `${folder}/kustomization.yaml`, line: 1 })
    const root = { object, kind: object.kind, name: usualNamespace, namespace: usualNamespace, by: undefined, place }
    return { cluster, root, where: `${folder}/settings.yaml`, artifactOf: () => folderOf }
  })
}
