import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import * as v from 'valibot'
import { yamlDocuments } from '../base/yaml.ts'
import { foundWithin } from './found-within.ts'
import { kustomizationFiles } from './kustomize-references.ts'
import type { TextFile } from './version-places.ts'

const list = v.nullish(v.array(v.unknown()), [])
const kustomizationSchema = v.object({
  resources: list,
  bases: list,
  components: list,
  patchesStrategicMerge: list,
  patches: list,
  configMapGenerator: list,
})
const patchSchema = v.object({ path: v.string() })
const generatorSchema = v.object({ files: v.array(v.string()) })

/** What is read of a checkout, and what was seen of it already. */
interface Walk {
  readonly root: string
  readonly seen: Set<string>
  readonly files: Map<string, string>
}

/**
 * The YAML files that Flux builds these folders from, and the kustomizations that lead to them: those of another cluster in the same
 * repository are not among them. What leads out of the repository is left out.
 * @param folders from the top of the repository
 */
export async function readFollowedFiles(root: string, folders: readonly string[]): Promise<TextFile[]> {
  const walk: Walk = { root, seen: new Set(), files: new Map() }
  for (const folder of folders) await visit(walk, posix.normalize(folder))
  return [...walk.files].map(([file, content]) => ({ file, text: content })).sort((one, other) => one.file.localeCompare(other.file))
}

async function visit(walk: Walk, path: string): Promise<void> {
  if (walk.seen.has(path)) return
  walk.seen.add(path)
  const found = await foundWithin(walk.root, path)
  if (found === 'file') await readInto(walk, path)
  if (found !== 'folder') return
  const names = (await readdir(join(walk.root, path))).sort()
  const kustomization = kustomizationFiles.find((name) => names.includes(name))
  if (kustomization !== undefined) {
    const file = posix.join(path, kustomization)
    if ((await foundWithin(walk.root, file)) !== 'file') return
    const content = await readInto(walk, file)
    for (const target of targetsIn(content)) await visit(walk, posix.join(path, target))
    return
  }
  // kustomize-controller takes every YAML file below, and each folder with a kustomization of its own.
  for (const name of names) {
    const below = posix.join(path, name)
    if (name !== '.git' && ((await foundWithin(walk.root, below)) === 'folder' || isYaml(name))) await visit(walk, below)
  }
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/.test(name)
}

async function readInto(walk: Walk, path: string): Promise<string> {
  const content = await readFile(join(walk.root, path), 'utf8')
  walk.files.set(path, content)
  return content
}

/** The files and folders that a kustomization names. */
function targetsIn(content: string): string[] {
  const [document] = yamlDocuments(content)
  const read = v.safeParse(kustomizationSchema, document?.errors.length === 0 ? document.toJS() : undefined)
  if (!read.success) return []
  const { patches, configMapGenerator, ...lists } = read.output
  const named = Object.values(lists).flatMap((items) => items.flatMap((one) => (typeof one === 'string' ? [one] : [])))
  const patched = patches.flatMap((one) => (v.is(patchSchema, one) ? [one.path] : []))
  const generated = configMapGenerator.flatMap((one) =>
    v.is(generatorSchema, one) ? one.files.map((file) => file.replace(/^[^=]*=/, '')) : [],
  )
  return [...named, ...patched, ...generated].filter((target) => !target.includes('\n'))
}
