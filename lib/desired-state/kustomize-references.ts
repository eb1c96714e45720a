import { existsSync } from 'node:fs'
import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, posix, relative } from 'node:path'
import { Document, isAlias, isMap, isScalar, isSeq, LineCounter } from 'yaml'
import { OperatorError } from '../base/errors.ts'
import { yamlDocuments } from '../base/yaml.ts'
import { decodedForGo, foldedByGo, textForGo } from './go-yaml.ts'

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

/** Fields of a kustomization that makes plugins: any other may change what these read. */
const ofPlugins = ['apiversion', 'kind', 'metadata', 'resources', 'bases', 'components', '<<']

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
  await walkFolder(walk, folder, 'kustomization')
  return walk.found
}

/** The same for fields that Flux adds to the kustomization of a folder. */
export async function findOutsideIn(root: string, folder: string, fields: unknown): Promise<OutsideReference[]> {
  const walk = await startWalk(root)
  const written = { is: 'kustomization', folder, base: folder, file: folder } as const
  await walkNode(walk, { ...written, lines: new LineCounter(), document: new Document(fields), checked: new Map() })
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

/** A file that kustomize reads. */
interface KustomizeFile {
  /** A kustomization of plugins makes the objects that are plugins to another one. */
  readonly is: 'kustomization' | 'kustomization of plugins' | 'plugin'
  readonly file: string
  /** The folder that its paths begin at. */
  readonly folder: string
  /** The folder that the paths of its plugins begin at. */
  readonly base: string
}

interface KustomizeDocument extends KustomizeFile {
  readonly lines: LineCounter
  readonly document: Document
  /** The fields that each node was checked under: aliases make a few lines stand for millions. */
  readonly checked: Map<unknown, Set<string>>
}

type Place = Pick<OutsideReference, 'file' | 'line' | 'field'>

async function walkFolder(walk: Walk, named: string, is: Exclude<KustomizeFile['is'], 'plugin'>, base?: string): Promise<void> {
  // kustomize follows links first, and then the paths that stand there.
  const real = await realpath(join(walk.root, named)).catch(() => undefined)
  const folder = real === undefined ? named : relative(walk.realRoot, real) || '.'
  for (const name of kustomizationFiles) {
    const file = posix.join(folder, name)
    if (existsSync(join(walk.root, file))) await walkFile(walk, { is, file, folder, base: base ?? folder })
  }
}

async function walkFile(walk: Walk, one: KustomizeFile): Promise<void> {
  const { is, file, base } = one
  const key = `${is} ${base} ${file}`
  if (walk.seen.has(key)) return
  walk.seen.add(key)
  if (await leaves(walk, join(walk.root, file))) {
    walk.found.push(outside({ file, line: 1, field: posix.basename(file) }, file))
    return
  }
  const text = decodedForGo(await readFile(join(walk.root, file)))
  if (text === undefined) walk.found.push(unreadable(file, 1, 'it is not UTF-8', 'save it as UTF-8'))
  else await walkText(walk, one, text)
}

async function walkText(walk: Walk, one: KustomizeFile, text: string): Promise<void> {
  const { file } = one
  const lines = new LineCounter()
  for (const document of yamlDocuments(text, { lineCounter: lines, merge: true })) {
    const [error] = document.errors
    if (error === undefined) await walkNode(walk, { ...one, lines, document, checked: new Map() })
    else walk.found.push(unreadable(file, lines.linePos(error.pos[0]).line, error.message))
  }
}

/** Checks every text below a node. */
async function walkNode(walk: Walk, written: KustomizeDocument, node: unknown = written.document.contents, field = ''): Promise<void> {
  const fields = written.checked.get(node) ?? new Set()
  if (fields.has(field)) return // by another alias, or an alias of what it is in
  written.checked.set(node, fields.add(field))
  if (isAlias(node)) return walkNode(walk, written, node.resolve(written.document), field)
  if (isSeq(node)) for (const item of node.items) await walkNode(walk, written, item, field)
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '' // none but texts are keys
      const known = foldedByGo(name)
      const isOutermost = field === '' || field === '<<'
      if (helm.includes(known)) walk.found.push(runsHelm(placeOf(written, key, name)))
      else if (written.is === 'kustomization of plugins' && isOutermost && !ofPlugins.includes(known))
        walk.found.push(changesPlugins(placeOf(written, key, name)))
      else if (!ofObjects.includes(known)) await walkNode(walk, written, value, name)
    }
  }
  const text = textForGo(node)
  if (text !== undefined) await judge(walk, written, text, placeOf(written, node, field))
}

function placeOf({ file, lines }: KustomizeDocument, node: unknown, field: string): Place {
  const offset = isScalar(node) ? node.range?.[0] : undefined
  return { file, line: offset === undefined ? 1 : lines.linePos(offset).line, field }
}

async function judge(walk: Walk, { is, file, folder, base }: KustomizeDocument, text: string, place: Place): Promise<void> {
  const field = foldedByGo(place.field)
  const isFolder = folders.includes(field)
  if (!isFolder && !files.test(field)) return
  if (plugins.includes(field) || field === 'patchesstrategicmerge') {
    const inText = decodedForGo(Buffer.from(text)) ?? ''
    const [inline] = yamlDocuments(inText)
    if (inline !== undefined && isMap(inline.contents)) {
      // A patch is an object of the cluster; a plugin's text is what its file would hold.
      if (plugins.includes(field)) await walkText(walk, { is: 'plugin', file, folder, base: folder }, inText)
      return
    }
  }
  const target = field === 'files' ? text.replace(/^[^=]*=/, '') : text
  if (isFetched(target, isFolder)) return void walk.found.push(fetched(place, target))
  if (isAbsolute(target) || (await leaves(walk, join(walk.root, folder, target)))) return void walk.found.push(outside(place, target))
  const path = posix.join(folder, target)
  const there = await stat(join(walk.root, path)).catch(() => undefined)
  // What a folder of plugins holds begins at the folder of the kustomization that names it.
  const isOfPlugins = plugins.includes(field) || is === 'kustomization of plugins'
  const begins = plugins.includes(field) ? folder : base
  if (isFolder && there?.isDirectory() === true) {
    await (isOfPlugins ? walkFolder(walk, path, 'kustomization of plugins', begins) : walkFolder(walk, path, 'kustomization'))
  } else if (isFolder && isOfPlugins && there?.isFile() === true) {
    await walkFile(walk, { is: 'plugin', file: path, folder: begins, base: begins })
  }
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

function unreadable(file: string, line: number, why: string, remedy = 'fix the YAML'): OutsideReference {
  const message = `it cannot be read, so what it takes from outside the repository is not known: ${why}`
  return { file, line, field: '', message, remedy, is: 'unreadable' }
}

function changesPlugins(place: Place): OutsideReference {
  const message = `${place.field} changes the plugins that it makes, so what these take from outside the repository is not known`
  return { ...place, message, remedy: 'write the plugins as they are to be', is: 'unreadable' }
}

/** The failure of a build that would take something from outside. */
export function refused({ file, line, message, remedy }: OutsideReference): OperatorError {
  return new OperatorError(`${file}:${line}: ${message}`, { kind: 'blocked', remedy })
}
