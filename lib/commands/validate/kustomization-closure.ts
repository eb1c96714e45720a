import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { isFetched, kustomizationFiles } from '../../desired-state/kustomize-references.ts'
import { at, listAt, textAt } from './at.ts'
import type { Diagnostic } from './diagnostic.ts'
import { generatedFrom, isKustomizationFile } from './manifests.ts'
import type { Path, Source, SourceFile } from './source.ts'

/** The files of a tree by their paths, from its top. */
export type Files = ReadonlyMap<string, SourceFile>

/** The file that kustomize takes for the kustomization of a folder, if it has one. */
export function kustomizationOf(folder: string, files: Files): SourceFile | undefined {
  return kustomizationFiles.map((name) => files.get(posix.join(folder, name))).find((file) => file !== undefined)
}

/**
 * What kustomize-controller lists for a folder without a kustomization: every YAML file below it, and each folder that has a kustomization
 * of its own, which it does not go into (fluxcd/pkg kustomize, scanManifests).
 */
export function scan(folder: string, files: Files): string[] {
  const prefix = folder === '.' ? '' : `${folder}/`
  const found = new Set<string>()
  for (const file of files.keys()) {
    if (!file.startsWith(prefix)) continue
    const folders = posix
      .relative(folder, posix.dirname(file))
      .split('/')
      .filter((part) => part !== '')
    const own = folders.map((_, index) => posix.join(folder, ...folders.slice(0, index + 1)))
    const outermost = own.find((one) => kustomizationOf(one, files) !== undefined)
    found.add(outermost ?? file)
  }
  return [...found].sort()
}

/** The files that a folder's build is made of: its own patches first, then what it refers to. */
export function closure(folder: string, files: Files, seen = new Set<string>()): SourceFile[] {
  if (seen.has(folder)) return []
  seen.add(folder)
  const kustomization = kustomizationOf(folder, files)
  if (kustomization === undefined) return scan(folder, files).flatMap((path) => reachedAt(path, files, seen))
  const [document] = kustomization.documents
  const reached =
    document === undefined
      ? []
      : [...referred(document), ...generatedFrom(document)].flatMap(({ target }) => reachedAt(posix.join(folder, target), files, seen))
  return [...reached, kustomization]
}

function reachedAt(path: string, files: Files, seen: Set<string>): SourceFile[] {
  const normal = path.replace(/\/$/, '')
  const file = files.get(normal)
  if (file !== undefined) return [file]
  return kustomizationOf(normal, files) === undefined ? [] : closure(normal, files, seen)
}

/** What kustomize would report too, but in four lines of its inner workings and without the line. */
export function missingIn(kustomization: SourceFile, root: string): Diagnostic[] {
  const folder = posix.dirname(kustomization.file)
  const [document] = kustomization.documents
  if (document === undefined) return []
  return [...referred(document), ...generatedFrom(document)].flatMap(({ target, path }) => {
    const isFolder = !['patches', 'configMapGenerator', 'secretGenerator'].includes(String(path[0]))
    if (isFetched(target, isFolder) || existsSync(join(root, folder, target))) return []
    const field = path.findLast((step) => typeof step === 'string')
    const message = `${String(field === 'path' ? path[0] : field)} names ${target}, which does not exist`
    return [{ file: document.file, line: document.find(path).line, rule: 'build', message, remedy: 'fix the name, or remove the entry' }]
  })
}

/** Files of a folder without a kustomization that hold something else than objects: Flux applies every YAML file there. */
export function noObjectsIn(folder: string, files: Files): Diagnostic[] {
  if (kustomizationOf(folder, files) !== undefined) return []
  return scan(folder, files).flatMap((path) => {
    const wrong = files.get(path)?.documents.find(({ value, kind }) => value !== null && value !== undefined && kind === '')
    if (wrong === undefined) return []
    const message = `${folder} has no kustomization.yaml, so Flux applies every YAML file below it, and this is not an object`
    const remedy = 'write a kustomization.yaml that lists the others, or move it elsewhere'
    return [{ file: wrong.file, line: wrong.find([]).line, rule: 'build', message, remedy }]
  })
}

const listed = ['resources', 'components', 'bases', 'crds', 'configurations', 'transformers', 'generators', 'validators']
const withPath = ['patches', 'patchesJson6902', 'replacements']

/** The files and folders that a kustomization names, with where it does. */
export function referred({ value }: Source): { target: string; path: Path }[] {
  const isInline = (text: string): boolean => text.includes('\n')
  const named = [...listed, 'patchesStrategicMerge'].flatMap((field) =>
    listAt(value, field).flatMap((target, index) =>
      typeof target === 'string' && !isInline(target) ? [{ target, path: [field, index] }] : [],
    ),
  )
  const patches = withPath.flatMap((field) =>
    listAt(value, field).map((patch, index) => ({ target: textAt(patch, 'path'), path: [field, index, 'path'] })),
  )
  return [...patches.filter(({ target }) => target !== ''), ...named]
}

/** Every folder that has a kustomization of its own; components are built where they are used. */
export function buildable(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ file, documents }) => isKustomizationFile(file) && at(documents[0]?.value, 'kind') !== 'Component')
    .map(({ file }) => posix.dirname(file))
}
