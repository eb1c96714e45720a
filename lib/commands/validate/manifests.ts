import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { kustomizationFiles } from '../../desired-state/kustomize-references.ts'
import { at, listAt } from './at.ts'
import type { Diagnostic } from './diagnostic.ts'
import { readSource, type Source, type SourceFile } from './source.ts'

/** The YAML of a repository. */
export interface Manifests {
  /** Every file; of those that are data, the text alone. */
  readonly files: readonly SourceFile[]
  /** What cannot be parsed, in files that are not data. */
  readonly findings: readonly Diagnostic[]
  /** What data files hold, as far as it is YAML: values of Helm, for example. */
  readonly data: readonly Source[]
}

/**
 * Reads the YAML files below a folder. The files that a kustomization's generators put into ConfigMaps and Secrets are data: they may hold
 * tags of their own, or no YAML at all. Charts are Helm's, and Flux reads nothing that begins with a dot.
 */
export async function readManifests(root: string, folder: string): Promise<Manifests> {
  const read = await Promise.all((await manifestsBelow(root, folder)).map((file) => readSource(root, file)))
  const data = dataFiles(read.map(({ source }) => source))
  return {
    files: read.map(({ source }) => (data.has(source.file) ? { ...source, documents: [], problems: 0 } : source)),
    findings: read.flatMap(({ source, findings }) => (data.has(source.file) ? [] : findings)),
    data: read.flatMap(({ source }) => (data.has(source.file) ? source.documents : [])),
  }
}

async function manifestsBelow(root: string, folder: string): Promise<string[]> {
  const path = join(root, folder)
  if (existsSync(join(path, 'Chart.yaml'))) return []
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  const found = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
      .map((entry) => {
        const below = posix.join(folder, entry.name)
        if (entry.isDirectory()) return manifestsBelow(root, below)
        return Promise.resolve(/\.ya?ml$/.test(entry.name) || kustomizationFiles.includes(entry.name) ? [below] : [])
      }),
  )
  return found.flat().sort()
}

/** The files that generators take as they are, and no kustomization takes as a manifest. */
function dataFiles(files: readonly SourceFile[]): Set<string> {
  const kustomizations = files.filter(({ file }) => isKustomizationFile(file))
  const paths = (list: (document: Source) => readonly string[]): string[] =>
    kustomizations.flatMap(({ file, documents }) =>
      documents.flatMap((document) => list(document).map((path) => posix.join(posix.dirname(file), path))),
    )
  const manifests = new Set(paths(({ value }) => listAt(value, 'resources').filter((one) => typeof one === 'string')))
  return new Set(paths((document) => generatedFrom(document).map(({ target }) => target)).filter((path) => !manifests.has(path)))
}

/** Whether a file is one that kustomize takes for a folder's kustomization. */
export function isKustomizationFile(file: string): boolean {
  return kustomizationFiles.includes(posix.basename(file))
}

/** The files that a kustomization's generators name, with where they do: `files: [key=path]`, `envs: [path]`, `env: path`. */
export function generatedFrom({ value }: Pick<Source, 'value'>): { target: string; path: (string | number)[] }[] {
  return ['configMapGenerator', 'secretGenerator'].flatMap((generator) =>
    listAt(value, generator).flatMap((item, index) => {
      const listed = ['files', 'envs'].flatMap((field) =>
        listAt(item, field).map((target, place) => ({ target, path: [generator, index, field, place] })),
      )
      return [...listed, { target: at(item, 'env'), path: [generator, index, 'env'] }].flatMap(({ target, path }) =>
        typeof target === 'string' ? [{ target: target.replace(/^[^=]*=/, ''), path }] : [],
      )
    }),
  )
}
