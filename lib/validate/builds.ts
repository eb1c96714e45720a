import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, posix, relative } from 'node:path'
import { stringify } from 'yaml'
import { kinds } from '../cluster/objects.ts'
import { complaintOf, shell } from '../command.ts'
import { childEnvironment } from '../environment.ts'
import { at, type Fields, isFields, listAt, textAt } from './at.ts'
import type { Finding, Place } from './finding.ts'
import type { Path, Source, SourceFile } from './source.ts'

/** What `kubectl kustomize` makes of one folder, and the files it is made of. */
export interface Build {
  readonly folder: string
  readonly text: string
  /** From the outermost, whose patches win, to the innermost. */
  readonly files: readonly SourceFile[]
}

/** Builds folders of the tree, each once. */
export interface Builder {
  /** The build, and a finding instead of a text where it cannot be made. */
  readonly build: (folder: string, fields?: Fields) => Promise<Build>
  readonly findings: Finding[]
}

const kustomizationFile = 'kustomization.yaml'

/** Every folder that has a kustomization of its own; components are built where they are used. */
export function buildable(files: readonly SourceFile[]): string[] {
  return files.filter(({ file, documents }) => isKustomization(file) && documents[0]?.kind !== 'Component').map(({ file }) => dirname(file))
}

function isKustomization(file: string): boolean {
  return posix.basename(file) === kustomizationFile
}

/** A builder for the tree whose files were read. */
export function createBuilder(root: string, sources: readonly SourceFile[], kubectl: string): Builder {
  const files = new Map(sources.map((source) => [source.file, source]))
  const made = new Map<string, Promise<Build>>()
  const findings: Finding[] = []

  const make = async (folder: string, fields: Fields): Promise<Build> => {
    const file = `${folder}/${kustomizationFile}`
    const reached = closure(folder, files)
    const own = files.get(file)
    const missing = own === undefined ? [] : missingResources(own, folder, root)
    findings.push(...missing)
    if (missing.length > 0) return { folder, text: '', files: reached }
    const text = await kustomize(root, folder, fields, kubectl).catch((error: unknown) => {
      findings.push(refusal(file, complaintOf(error).replaceAll(join(root, ''), '').replaceAll('\n', ' '), reached))
      return ''
    })
    return { folder, text, files: reached }
  }
  return {
    findings,
    build(folder, fields = {}) {
      const key = `${folder} ${JSON.stringify(fields)}`
      const there = made.get(key) ?? make(folder, fields)
      made.set(key, there)
      return there
    },
  }
}

/** What kustomize says of a folder that it cannot build; of one object that is there twice it says a lot, and not where. */
function refusal(file: string, complaint: string, files: readonly SourceFile[]): Finding {
  const [, kind = '', name = '', namespace = ''] = /already registered id: (\w+)\.[^/]*\/([^']*)\.([^.']*)'/.exec(complaint) ?? []
  const twice = files.flatMap(({ documents }) => documents).filter((one) => one.kind === kind && one.name === name)[1]
  if (twice !== undefined) {
    const place = { file: twice.file, line: twice.find(['metadata', 'name']).line }
    const rule = kind === kinds.helmRelease.kind ? 'one-release' : 'build'
    return { ...place, rule, message: `${kind} ${namespace}/${name} is there twice`, remedy: 'give one of them another name' }
  }
  const remedy = `kubectl kustomize ${dirname(file)}`
  return { file, line: 1, rule: 'build', message: `kustomize cannot build it: ${complaint}`, remedy }
}

/** What kustomize would tell of too, but in four lines of its inner workings and without the line. */
function missingResources(kustomization: SourceFile, folder: string, root: string): Finding[] {
  const [document] = kustomization.documents
  if (document === undefined) return []
  return referred(document).flatMap(({ target, path }) => {
    if (target.includes('://') || existsSync(join(root, folder, target))) return []
    const message = `${String(path[0])} names ${target}, which is not there`
    return [{ file: document.file, line: document.find(path).line, rule: 'build', message, remedy: 'mend the name, or take the entry out' }]
  })
}

/** The files and folders that a kustomization names, with where it does. */
function referred({ value }: Source): { target: string; path: Path }[] {
  const named = ['resources', 'components'].flatMap((field) =>
    listAt(value, field).flatMap((target, index) => (typeof target === 'string' ? [{ target, path: [field, index] }] : [])),
  )
  const patches = listAt(value, 'patches').map((patch, index) => ({ target: textAt(patch, 'path'), path: ['patches', index, 'path'] }))
  return [...patches.filter(({ target }) => target !== ''), ...named]
}

/** The files that a folder's build is made of: its own patches first, then what it refers to. */
function closure(folder: string, files: ReadonlyMap<string, SourceFile>, seen = new Set<string>()): SourceFile[] {
  if (seen.has(folder)) return []
  seen.add(folder)
  const kustomization = files.get(`${folder}/${kustomizationFile}`)
  const [document] = kustomization?.documents ?? []
  if (kustomization === undefined || document === undefined) return []
  const reached = referred(document).flatMap(({ target }) => {
    const path = posix.join(folder, target)
    const file = files.get(path)
    return file === undefined ? closure(path, files, seen) : [file]
  })
  return [...reached, kustomization]
}

/** The fields of a Flux Kustomization that kustomize-controller hands on to kustomize, by their names there. */
const handedOn = { patches: 'patches', components: 'components', images: 'images', namePrefix: 'namePrefix', nameSuffix: 'nameSuffix' }

async function kustomize(root: string, folder: string, spec: Fields, kubectl: string): Promise<string> {
  const fields: Record<string, unknown> = {}
  for (const [name, own] of Object.entries(handedOn)) if (spec[name] !== undefined) fields[own] = spec[name]
  if (spec['targetNamespace'] !== undefined) fields['namespace'] = spec['targetNamespace']
  const $ = shell(childEnvironment())
  if (Object.keys(fields).length === 0) return (await $`${kubectl} kustomize ${join(root, folder)}`).stdout
  // kustomize takes no absolute path for a base.
  const overlay = await realpath(await mkdtemp(join(tmpdir(), 'flux-runbook-')))
  try {
    const base = relative(overlay, await realpath(join(root, folder)))
    await writeFile(join(overlay, kustomizationFile), stringify({ resources: [base], ...fields }))
    return (await $`${kubectl} kustomize ${overlay}`).stdout
  } finally {
    await rm(overlay, { recursive: true })
  }
}

/** Where a field of a built object stands: in the outermost file that has it, else where the object begins. */
export function placeOf({ files, folder }: Build, object: unknown, path: Path): Place {
  const found = files
    .flatMap(({ documents }) => documents)
    .filter(({ kind, name }) => kind === textAt(object, 'kind') && name === textAt(object, 'metadata', 'name'))
    .map(({ file, find }) => ({ file, ...find(path) }))
    .sort((one, other) => other.depth - one.depth)
  const { file, line } = found[0] ?? { file: `${folder}/${kustomizationFile}`, line: 1 }
  return { file, line }
}

/** Where the files of a build hold a text; the build's own kustomization where none does, as with what kustomize generates. */
export function placesOf({ files, folder }: Build, text: string): Place[] {
  const found = files.flatMap((source) =>
    source.text
      .split('\n')
      .flatMap((line, at) => (line.includes(text) && !line.trimStart().startsWith('#') ? [{ file: source.file, line: at + 1 }] : [])),
  )
  return found.length > 0 ? found : [{ file: `${folder}/${kustomizationFile}`, line: 1 }]
}

/** The fields of a Flux Kustomization's spec that change its build. */
export function buildFields(kustomization: unknown): Fields {
  const spec = at(kustomization, 'spec')
  const names = [...Object.keys(handedOn), 'targetNamespace']
  return Object.fromEntries(names.flatMap((name) => (isFields(spec) && spec[name] !== undefined ? [[name, spec[name]]] : [])))
}
