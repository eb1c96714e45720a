import { existsSync } from 'node:fs'
import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, posix, relative } from 'node:path'
import { Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import { OperatorError } from '../base/errors.ts'

/** Something that a kustomization takes from outside the repository it is in. */
export interface OutsideReference {
  /** From the top of the repository, and the line, counted from 1. */
  readonly file: string
  readonly line: number
  /** The field that holds it, as it is written. */
  readonly field: string
  readonly message: string
  readonly remedy: string
  /** `fetched` is legal in kustomize, and Flux builds it; all else Flux refuses too. */
  readonly is: 'fetched' | 'outside' | 'helm' | 'unreadable'
}

/** Fields that name folders or files, and those of them whose files tell kustomize to make or change objects, with fields of their own. */
const plugins = ['generators', 'transformers', 'validators']
const folders = ['resources', 'components', 'bases', ...plugins]
/** Fields that name files only, those of built-in generators and transformers included. kustomize fetches them over HTTP, not with git. */
const files =
  /^(patches|patchesstrategicmerge|crds|configurations|files|envs?|paths?|targetfilepath|valuesfile|additionalvaluesfiles|argsfromfile)$/
/** Fields that run helm; both kubectl and Flux leave that off. */
const helm = ['helmcharts', 'helmchartinflationgenerator']
/** Fields below which `path` names a field of an object, or any key may stand. */
const ofObjects = ['metadata', 'labels', 'commonlabels', 'annotations', 'commonannotations', 'literals', 'fieldspecs', 'fields', 'vars']

/** What kustomize takes for a kustomization, in the order in which it looks. */
export const kustomizationFiles = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']

/**
 * Finds what the build of a folder would take from outside the repository: from a server, or from another folder of this machine. A plain
 * remote base over https is legal in kustomize, and Flux builds it. Here it counts too: what is planned, compared and checked must be what
 * the commit has, and reading a repository must not make this machine fetch, or with git run, what the repository says.
 * @param folder from the top of the repository
 */
export async function findOutside(root: string, folder: string): Promise<OutsideReference[]> {
  const walk = await startWalk(root)
  if (await leaves(walk, join(root, folder))) return [outside({ file: folder, line: 1, field: 'path' }, folder)]
  await walkFolder(walk, folder)
  return walk.found
}

/** The same for fields that Flux adds to the kustomization of a folder. */
export async function findOutsideIn(root: string, folder: string, fields: unknown): Promise<OutsideReference[]> {
  const walk = await startWalk(root)
  await walkNode(walk, { folder, file: folder, lines: new LineCounter(), document: new Document(fields), checked: new Map() })
  return walk.found
}

interface Walk {
  readonly root: string
  readonly realRoot: string
  /** Folders and files that were checked. */
  readonly seen: Set<string>
  readonly found: OutsideReference[]
}

async function startWalk(root: string): Promise<Walk> {
  return { root, realRoot: await realpath(root), seen: new Set(), found: [] }
}

/** One YAML document, and the folder that its paths begin at. */
interface KustomizeDocument {
  readonly folder: string
  readonly file: string
  readonly lines: LineCounter
  readonly document: Document
  /** The fields that each node was checked under: aliases make a few lines stand for millions. */
  readonly checked: Map<unknown, Set<string>>
}

type Place = Pick<OutsideReference, 'file' | 'line' | 'field'>

async function walkFolder(walk: Walk, folder: string): Promise<void> {
  if (walk.seen.has(folder)) return
  walk.seen.add(folder)
  for (const name of kustomizationFiles) {
    if (existsSync(join(walk.root, folder, name))) await walkFile(walk, folder, posix.join(folder, name))
  }
}

async function walkFile(walk: Walk, folder: string, file: string): Promise<void> {
  if (walk.seen.has(file)) return
  walk.seen.add(file)
  if (await leaves(walk, join(walk.root, file))) {
    walk.found.push(outside({ file, line: 1, field: posix.basename(file) }, file))
    return
  }
  await walkText(walk, folder, file, await readFile(join(walk.root, file), 'utf8'))
}

async function walkText(walk: Walk, folder: string, file: string, text: string): Promise<void> {
  const lines = new LineCounter()
  // Go's parser knows merge keys.
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent', merge: true })
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const [error] = document.errors
    if (error === undefined) await walkNode(walk, { folder, file, lines, document, checked: new Map() })
    else {
      const message = `it cannot be read, so what it takes from outside the repository is not known: ${error.message}`
      walk.found.push({ file, line: lines.linePos(error.pos[0]).line, field: '', message, remedy: 'fix the YAML', is: 'unreadable' })
    }
  }
}

/** Checks every text below a node. Go reads the names of fields in any case. */
async function walkNode(walk: Walk, written: KustomizeDocument, node: unknown = written.document.contents, field = ''): Promise<void> {
  const fields = written.checked.get(node) ?? new Set()
  if (fields.has(field)) return // by another alias, or an alias of what it is in
  written.checked.set(node, fields.add(field))
  if (isAlias(node)) return walkNode(walk, written, node.resolve(written.document), field)
  if (isSeq(node)) for (const item of node.items) await walkNode(walk, written, item, field)
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      if (helm.includes(name.toLowerCase())) walk.found.push(runsHelm(placeOf(written, key, name)))
      else if (!ofObjects.includes(name.toLowerCase())) await walkNode(walk, written, value, name)
    }
  }
  if (isScalar(node) && typeof node.value === 'string') await judge(walk, written, node.value, placeOf(written, node, field))
}

function placeOf({ file, lines }: KustomizeDocument, node: unknown, field: string): Place {
  const offset = isScalar(node) ? node.range?.[0] : undefined
  return { file, line: offset === undefined ? 1 : lines.linePos(offset).line, field }
}

async function judge(walk: Walk, { folder }: KustomizeDocument, text: string, place: Place): Promise<void> {
  const field = place.field.toLowerCase()
  const isFolder = folders.includes(field)
  if (!isFolder && !files.test(field)) return
  if (plugins.includes(field) || field === 'patchesstrategicmerge') {
    const [inline] = parseAllDocuments(text, { logLevel: 'silent' })
    if (inline !== undefined && isMap(inline.contents)) {
      // A patch is an object of the cluster; a plugin's text is what its file would hold.
      if (plugins.includes(field)) await walkText(walk, folder, place.file, text)
      return
    }
  }
  const target = field === 'files' ? text.replace(/^[^=]*=/, '') : text
  if (isFetched(target, isFolder)) return void walk.found.push(fetched(place, target))
  if (isAbsolute(target) || (await leaves(walk, join(walk.root, folder, target)))) return void walk.found.push(outside(place, target))
  const path = posix.join(folder, target)
  const there = await stat(join(walk.root, path)).catch(() => undefined)
  if (isFolder && there?.isDirectory() === true) await walkFolder(walk, path)
  else if (plugins.includes(field) && there?.isFile() === true) await walkFile(walk, folder, path)
}

/** What kustomize takes for a server's, whatever the tree has under that name (kustomize api/internal/git/repospec.go, extractHost). */
export function isFetched(target: string, isFolder: boolean): boolean {
  if (!isFolder) return /^https?:/i.test(target)
  return /^[^/]*:/.test(target) || /^[^/]+@/.test(target) || /^github\.com\//i.test(target) || target.includes('://')
}

/** Whether a path leads out of the repository, links followed. What does not exist kustomize itself misses. */
async function leaves({ realRoot }: Walk, path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined)
  return real !== undefined && /^\.\.(\/|$)/.test(relative(realRoot, real).replaceAll('\\', '/'))
}

function fetched(place: Place, target: string): OutsideReference {
  const message = `${place.field} takes ${target} from a server: the build would differ from the commit`
  const remedy = 'copy it into the repository, or have Flux fetch it: a source and a Kustomization of its own'
  return { ...place, message, remedy, is: 'fetched' }
}

function outside(place: Place, target: string): OutsideReference {
  return {
    ...place,
    message: `${place.field} leads out of the repository: ${target}`,
    remedy: 'copy what it names into the repository, and name it by a relative path',
    is: 'outside',
  }
}

function runsHelm(place: Place): OutsideReference {
  const message = `${place.field} has kustomize run helm, which Flux does not allow`
  return { ...place, message, remedy: 'write a HelmRelease instead', is: 'helm' }
}

/** The failure of a build that would take something from outside. */
export function refused({ file, line, message, remedy }: OutsideReference): OperatorError {
  return new OperatorError(`${file}:${line}: ${message}`, { kind: 'blocked', remedy })
}
