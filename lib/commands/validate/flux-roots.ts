import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { apiGroups, isOfGroup } from '../../flux/api-groups.ts'
import { componentsFile } from '../../flux/bootstrap-files.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { usualNamespace } from '../../flux/refs.ts'
import { kinds } from '../../kubernetes/objects.ts'
import { artifactsOf, isSourceOfArtifacts } from './artifacts.ts'
import { at, listAt, textAt } from './at.ts'
import type { Diagnostic } from './diagnostic.ts'
import { type ClusterRoot, folderOf, type ManifestObject } from './cluster-tree.ts'
import { isKustomizationFile, type Manifests } from './manifests.ts'
import { referred } from './kustomization-closure.ts'
import type { Path, Source } from './source.ts'

/** A root Kustomization, wherever the tree says it. */
interface FoundRoot {
  readonly document: Source
  /** Where the path is said in that document. */
  readonly path: Path
  readonly folder: string
  readonly object: unknown
  readonly url: string
}

/**
 * Where the trees of a repository begin, found as Flux finds them: what a FluxInstance syncs, as a manifest or in the values of its chart, or
 * the Kustomization that applies itself, as `flux bootstrap` writes it. Where there is neither, each Kustomization that no other leads to.
 */
export function fluxRoots(root: string, manifests: Manifests): ClusterRoot[] {
  const documents = manifests.files.flatMap((file) => file.documents)
  const synced = [...documents, ...manifests.data].flatMap(syncedBy)
  const own = documents.filter(isKustomization)
  const selves = own.filter((one) => isBelow(one.file, pathOf(one)))
  const found = [...synced, ...selves.map((one) => fromKustomization(one, documents))].filter(({ folder }) =>
    existsSync(join(root, folder)),
  )
  const usable = found.length > 0 ? found : outermost(own).map((one) => fromKustomization(one, documents))
  const byFolder = new Map(usable.toReversed().map((one) => [one.folder, one]))
  const chosen = [...byFolder.values()].toReversed()
  if (chosen.length > 0) return chosen.map((one) => rootOf(one, documents))
  return folders(manifests).map((folder) => bareRoot(folder))
}

function isKustomization({ value, kind }: Source): boolean {
  return kind === fluxKinds.kustomization.kind && isOfGroup({ apiVersion: textAt(value, 'apiVersion') }, apiGroups.kustomize)
}

const pathOf = ({ value }: Source): string => folderOf(textAt(value, 'spec', 'path'))

function isBelow(file: string, folder: string): boolean {
  return folder === '.' || file.startsWith(`${folder}/`)
}

/** Kustomizations in files that are below no other's path. */
function outermost(own: readonly Source[]): Source[] {
  return own.filter((one) => !own.some((other) => other !== one && isBelow(one.file, pathOf(other))))
}

/** What the FluxInstance of a document syncs: a manifest, the values of a HelmRelease, or a file of values. */
function syncedBy(document: Source): FoundRoot[] {
  const { value, kind } = document
  const isInstance = kind === fluxKinds.fluxInstance.kind
  const above: Path = isInstance ? ['spec'] : kind === fluxKinds.helmRelease.kind ? ['spec', 'values', 'instance'] : ['instance']
  const sync = at(value, ...above, 'sync')
  const path = textAt(sync, 'path')
  if (path === '' || path.includes('${')) return []
  const namespace = textAt(value, 'spec', 'targetNamespace') || textAt(value, 'metadata', 'namespace') || usualNamespace
  const name = textAt(sync, 'name') || namespace
  const sourceRef = { kind: textAt(sync, 'kind') || fluxKinds.gitRepository.kind, name, namespace }
  const spec = { path, sourceRef, prune: true, ...patchedSpec(listAt(value, ...above, 'kustomize', 'patches')) }
  const object = { ...fluxKinds.kustomization, metadata: { name, namespace }, spec }
  return [{ document, path: [...above, 'sync', 'path'], folder: folderOf(path), object, url: textAt(sync, 'url') }]
}

/** What patches of the FluxInstance give the root Kustomization to substitute: as JSON patches that add, or as a part of it. */
function patchedSpec(patches: readonly unknown[]): Record<string, unknown> {
  const isMeant = patches.some((patch) => textAt(patch, 'target', 'kind') === fluxKinds.kustomization.kind)
  return isMeant ? { postBuild: { substituteFrom: [{ kind: 'Patch', name: 'of the FluxInstance' }] } } : {}
}

function fromKustomization(document: Source, documents: readonly Source[]): FoundRoot {
  const ref = at(document.value, 'spec', 'sourceRef')
  const source = documents.find(({ kind, name }) => kind === textAt(ref, 'kind') && name === textAt(ref, 'name'))
  const url = textAt(source?.value, 'spec', 'url')
  return { document, path: ['spec', 'path'], folder: pathOf(document), object: document.value, url }
}

function rootOf({ document, path, folder, object, url }: FoundRoot, documents: readonly Source[]): ClusterRoot {
  const namespace = textAt(object, 'metadata', 'namespace') || usualNamespace
  const root: ManifestObject = {
    object,
    kind: fluxKinds.kustomization.kind,
    name: textAt(object, 'metadata', 'name'),
    namespace,
    by: undefined,
    place: () => ({ file: document.file, line: document.find(path).line }),
  }
  const rootSource = at(object, 'spec', 'sourceRef')
  const isSame = (kind: string, name: string): boolean => kind === textAt(rootSource, 'kind') && name === textAt(rootSource, 'name')
  const sources = documents.filter(({ value }) => at(value, 'spec', 'url') !== undefined)
  const isForeign = (kind: string, name: string, placed: readonly ManifestObject[] = []): boolean => {
    if (isSame(kind, name)) return false
    const made = placed.filter(({ object }) => at(object, 'spec', 'url') !== undefined)
    const all = [...sources, ...made.map((one) => ({ ...one, value: one.object }))]
    const named = all.filter((one) => one.kind === kind && one.name === name)
    return named.length > 0 && named.every(({ value }) => url === '' || textAt(value, 'spec', 'url') !== url)
  }
  const artifacts = artifactsOf(documents, (kind, name) => !isForeign(kind, name))
  return {
    cluster: folder,
    root,
    url,
    where: 'a ConfigMap that the Kustomization names in substituteFrom',
    artifactOf(one, placed) {
      if (one === root) return folderOf
      const ref = at(one.object, 'spec', 'sourceRef')
      const [kind, name] = [textAt(ref, 'kind'), textAt(ref, 'name')]
      if (isSourceOfArtifacts(kind)) return artifacts.get(name)
      return isForeign(kind, name, placed) || kind === fluxKinds.bucket.kind ? undefined : folderOf
    },
  }
}

/** Where nothing says what Flux follows: the folders with a kustomization that no other kustomization takes in. */
function folders({ files }: Manifests): string[] {
  const kustomizations = files.filter(({ file, documents }) => isKustomizationFile(file) && documents[0]?.kind !== 'Component')
  const taken = new Set(
    kustomizations.flatMap(({ file, documents }) =>
      documents.flatMap((document) => referred(document).map(({ target }) => posix.join(posix.dirname(file), target).replace(/\/$/, ''))),
    ),
  )
  return kustomizations.map(({ file }) => posix.dirname(file)).filter((folder) => !taken.has(folder))
}

/** A root of which the tree says nothing but that the folder is there. */
export function bareRoot(folder: string): ClusterRoot {
  const object = { ...fluxKinds.kustomization, metadata: { name: usualNamespace, namespace: usualNamespace }, spec: { path: folder } }
  const place = () => ({ file: folder, line: 1 })
  const root = { object, kind: object.kind, name: usualNamespace, namespace: usualNamespace, by: undefined, place }
  return { cluster: folder, root, where: `a ${kinds.configMap.kind}`, artifactOf: () => folderOf }
}

/** FluxInstances, and Kustomizations such as `flux bootstrap` writes, whose path does not exist: Flux would follow nothing. */
export function lostRoots(root: string, manifests: Manifests, found: readonly ClusterRoot[]): Diagnostic[] {
  const documents = manifests.files.flatMap((file) => file.documents)
  const files = new Set(manifests.files.map(({ file }) => file))
  const isBootstrapped = ({ file }: Source): boolean => files.has(posix.join(posix.dirname(file), componentsFile))
  const own = documents.filter((one) => isKustomization(one) && isBootstrapped(one)).map((one) => fromKustomization(one, documents))
  const synced = documents.flatMap(syncedBy)
  const urls = new Set(synced.filter(({ folder }) => existsSync(join(root, folder))).map(({ url }) => url))
  const isThisRepository = ({ url }: FoundRoot): boolean => urls.size === 0 || urls.has(url)
  return [...own, ...synced.filter(isThisRepository)].flatMap(({ document, path, folder }) => {
    if (existsSync(join(root, folder)) || found.some(({ cluster }) => cluster === folder)) return []
    const place = { file: document.file, line: document.find(path).line }
    const message = `${document.kind} ${document.name} follows ${textAt(document.value, ...path)}, which does not exist`
    return [{ ...place, rule: 'path', message, remedy: 'fix the path, or add the folder' }]
  })
}

/** Whether a file holds something of Flux: what cannot be parsed of it is reported, whatever leads to it. */
export function isOfFlux(text: string): boolean {
  return new RegExp(
    `^apiVersion: ["']?(${Object.values(apiGroups)
      .join('|')
      .replaceAll('.', String.raw`\.`)})/`,
    'm',
  ).test(text)
}
