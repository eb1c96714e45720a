import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { type Document, isMap, isScalar, isSeq } from 'yaml'
import { yamlDocuments } from '../../base/yaml.ts'
import { isFetched } from '../../desired-state/kustomize-references.ts'
import { isKustomizationFile } from './manifests.ts'
import type { SourceFile } from './source.ts'

/** A repository without what its kustomizations take from servers. */
export interface LocalRepository {
  readonly root: string
  /** What was left out, and where it is named. */
  readonly leftOut: readonly string[]
  /** Removes the copy, if one had to be made. */
  readonly remove: () => Promise<void>
}

const fields = ['resources', 'components', 'bases']

/**
 * Flux builds bases that are on a server; these scripts fetch nothing that a repository names. Where it names some, a copy of it is built,
 * whose kustomizations have those lines removed; all else is checked.
 */
export async function withoutRemoteBases(root: string, files: readonly SourceFile[]): Promise<LocalRepository> {
  const rewritten = withoutServers(files)
  if (rewritten.length === 0) return { root, leftOut: [], remove: () => Promise.resolve() }
  const copy = await realpath(await mkdtemp(join(tmpdir(), 'flux-runbook-')))
  const isKept = (path: string): boolean => !['.git', 'node_modules'].includes(posix.basename(path))
  await cp(root, copy, { recursive: true, verbatimSymlinks: true, filter: isKept })
  await Promise.all(rewritten.map(({ file, text }) => writeFile(join(copy, file), text)))
  return {
    root: copy,
    leftOut: rewritten.flatMap(({ leftOut }) => leftOut),
    remove: () => rm(copy, { recursive: true, force: true }),
  }
}

/** The kustomizations that take something from a server, without those lines; and what was left out. */
export function withoutServers(files: readonly SourceFile[]): { file: string; text: string; leftOut: string[] }[] {
  return files.filter(({ file, problems }) => isKustomizationFile(file) && problems === 0).flatMap(rewrite)
}

/** A patch of what was left out would fail the build; one with a target only finds nothing. An empty kustomization would fail it too. */
function leavePatchesOut(document: Document): void {
  document.delete('patchesStrategicMerge')
  const patches = document.get('patches')
  if (isSeq(patches)) patches.items = patches.items.filter((patch) => isMap(patch) && patch.has('target'))
  if (!fields.some((field) => document.has(field))) document.set('buildMetadata', ['originAnnotations'])
}

function rewrite({ file, text }: SourceFile): { file: string; text: string; leftOut: string[] }[] {
  const [document] = yamlDocuments(text, { merge: true })
  if (document === undefined) return []
  const leftOut: string[] = []
  for (const field of fields) {
    const list = isMap(document.contents) ? document.get(field) : undefined
    if (!isSeq(list)) continue
    list.items = list.items.filter((item) => {
      const target = isScalar(item) ? item.value : undefined
      if (typeof target !== 'string' || !isFetched(target, true)) return true
      const line = text.slice(0, isScalar(item) ? item.range?.[0] : 0).split('\n').length
      leftOut.push(`what ${file}:${line} takes from ${target}`)
      return false
    })
    if (list.items.length === 0) document.delete(field)
  }
  if (leftOut.length > 0) leavePatchesOut(document)
  return leftOut.length === 0 ? [] : [{ file, text: document.toString(), leftOut }]
}
