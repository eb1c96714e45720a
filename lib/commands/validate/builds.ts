import { shellQuote } from '../../base/shell-line.ts'
import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, posix, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { fluxKinds } from '../../flux/kinds.ts'
import { complaintOf } from '../../process/command.ts'
import { runKustomize } from '../../desired-state/kustomize.ts'
import { findOutside } from '../../desired-state/kustomize-references.ts'
import { at, type YamlFields, isFields, listAt, textAt } from './at.ts'
import type { Diagnostic, Location } from './diagnostic.ts'
import { closure, type Files, kustomizationOf, missingIn, noObjectsIn, scan } from './kustomization-closure.ts'
import type { Path, SourceFile } from './source.ts'

/** What `kubectl kustomize` makes of one folder, and the files it is made of. */
export interface Build {
  readonly folder: string
  readonly text: string
  /** From the outermost, whose patches win, to the innermost. */
  readonly files: readonly SourceFile[]
  /** Whether it cannot be made, which is a finding; the text is empty then. */
  readonly isBroken: boolean
}

/** Builds folders of the tree, each once. */
export interface Builder {
  /** The build, and a finding instead of a text where it cannot be made. */
  readonly build: (folder: string, fields?: YamlFields) => Promise<Build>
  readonly findings: readonly Diagnostic[]
  /** The builds that cannot be made. */
  readonly broken: readonly Build[]
}

/** What kustomize refused. */
interface Refusal {
  readonly folder: string
  /** Whether nothing but the folder itself was built. */
  readonly isPlain: boolean
  readonly files: readonly SourceFile[]
  readonly finding: Diagnostic
}

const kustomizationFile = 'kustomization.yaml'

/** kubectl is a process each time, and more of them than this only wait for each other. */
const atOnce = 4

/** A builder for the tree whose files were read. */
export function createBuilder(root: string, sources: readonly SourceFile[], kubectl: string): Builder {
  const files: Files = new Map(sources.map((source) => [source.file, source]))
  const made = new Map<string, Promise<Build>>()
  const findings: Diagnostic[] = []
  const refusals: Refusal[] = []
  const failed: Build[] = []
  const limited = limitTo(atOnce)

  const make = async (folder: string, fields: YamlFields): Promise<Build> => {
    const components = listAt(fields, 'components').flatMap((one) => closure(posix.join(folder, String(one)), files))
    const reached = [...components, ...closure(folder, files)]
    const broken = { folder, text: '', files: reached, isBroken: true }
    const own = kustomizationOf(folder, files)
    const entries = own === undefined ? scan(folder, files) : undefined
    const outside = (await Promise.all([folder, ...(entries ?? [])].map((one) => findOutside(root, one)))).flat()
    findings.push(...outside.map(({ field: _field, is: _is, ...one }) => ({ rule: 'outside', ...one })))
    const kustomizations = reached.filter(({ file }) => kustomizationOf(dirname(file), files)?.file === file)
    const missing = [...kustomizations.flatMap((one) => missingIn(one, root)), ...noObjectsIn(folder, files)]
    findings.push(...missing)
    // What cannot be parsed is a finding already.
    const isReadable = reached.every(({ problems }) => problems === 0)
    if (outside.length > 0 || missing.length > 0 || !isReadable) {
      failed.push(broken)
      return broken
    }
    if (reached.length === 0) return { ...broken, isBroken: false } // Flux applies nothing of it
    try {
      const text = await limited(() => kustomize(root, folder, { fields, entries }, kubectl))
      return { folder, text, files: reached, isBroken: false }
    } catch (error) {
      const complaint = withoutLogPrefix(complaintOf(error)).replaceAll(join(root, ''), '').replaceAll('\n', ' ')
      const finding = refusal(own?.file ?? reached[0]?.file ?? folder, complaint, reached)
      failed.push(broken)
      refusals.push({ folder, isPlain: Object.keys(fields).length === 0, files: reached, finding })
      return broken
    }
  }
  return {
    broken: failed,
    get findings() {
      return [...findings, ...refusals.filter((one) => !follows(one, refusals, files)).map(({ finding }) => finding)]
    },
    build(folder, fields = {}) {
      const key = `${folder} ${JSON.stringify(fields)}`
      const there = made.get(key) ?? make(folder, fields)
      made.set(key, there)
      return there
    },
  }
}

/** Whether a build is refused because it takes in a folder that cannot be built by itself: kustomize says that once more for each that does. */
function follows(one: Refusal, refusals: readonly Refusal[], files: Files): boolean {
  const takesIn = (outer: Refusal, { folder }: Refusal): boolean => {
    const own = kustomizationOf(folder, files)
    return own !== undefined && outer.files.includes(own)
  }
  return refusals.some((inner) => {
    if (!inner.isPlain) return false
    if (inner.folder === one.folder) return !one.isPlain
    return takesIn(one, inner) && !takesIn(inner, one) // of a circle, none is the cause
  })
}

/** Lets so many run at once; the others wait for their turn. */
function limitTo(most: number): <T>(run: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (run) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

/** kubectl logs some errors in klog's form: `E1128 12:00:00.0 1 run.go:72] "command failed" err="…"`. */
export function withoutLogPrefix(complaint: string): string {
  return complaint.replaceAll(/^[IWEF]\d{4} \S+ +\d+ \S+\] (?:".*?" err="(.*)"|(.*))$/gm, (_, error?: string, plain?: string) =>
    (error ?? plain ?? '').replaceAll('\\"', '"').replaceAll('\\n', ' '),
  )
}

/** What kustomize says of a folder that it cannot build; of one object that is there twice it says a lot, and not where. */
function refusal(file: string, complaint: string, files: readonly SourceFile[]): Diagnostic {
  const [, kind = '', name = '', namespace = ''] = /already registered id: (\w+)\.[^/]*\/([^']*)\.([^.']*)'/.exec(complaint) ?? []
  const twice = files.flatMap(({ documents }) => documents).filter((one) => one.kind === kind && one.name === name)[1]
  if (twice !== undefined) {
    const place = { file: twice.file, line: twice.find(['metadata', 'name']).line }
    const rule = kind === fluxKinds.helmRelease.kind ? 'one-release' : 'build'
    return { ...place, rule, message: `${kind} ${namespace}/${name} is there twice`, remedy: 'give one of them another name' }
  }
  const remedy = `kubectl kustomize ${shellQuote(dirname(file))}`
  return { file, line: 1, rule: 'build', message: `kustomize cannot build it: ${complaint}`, remedy }
}

/** The fields of a Flux Kustomization that kustomize-controller hands on to kustomize, by their names there. */
const handedOn = { patches: 'patches', components: 'components', images: 'images', namePrefix: 'namePrefix', nameSuffix: 'nameSuffix' }

/** How the build of a folder differs from plain kustomize. */
interface Additions {
  readonly fields: YamlFields
  /** What is listed for a folder without a kustomization. */
  readonly entries: readonly string[] | undefined
}

async function kustomize(root: string, folder: string, { fields: spec, entries }: Additions, kubectl: string): Promise<string> {
  const fields: Record<string, unknown> = {}
  for (const [name, own] of Object.entries(handedOn)) if (spec[name] !== undefined) fields[own] = spec[name]
  if (spec['targetNamespace'] !== undefined) fields['namespace'] = spec['targetNamespace']
  if (Object.keys(fields).length === 0 && entries === undefined) return runKustomize(kubectl, join(root, folder))
  // kustomize takes no absolute path for a base.
  const overlay = await realpath(await mkdtemp(join(tmpdir(), 'flux-runbook-')))
  try {
    const top = relative(overlay, await realpath(root))
    const base = join(top, folder)
    const components = listAt(spec, 'components')
      .map((one) => join(base, String(one))) // from the folder itself
      .filter((one) => spec['ignoreMissingComponents'] !== true || existsSync(join(overlay, one)))
    const resources = entries?.map((entry) => join(top, entry)) ?? [base]
    const written = { resources, ...fields, ...(components.length === 0 ? {} : { components }) }
    await writeFile(join(overlay, kustomizationFile), stringify(written))
    return await runKustomize(kubectl, overlay)
  } finally {
    await rm(overlay, { recursive: true })
  }
}

/** Where a field of a built object stands: in the outermost file that has it, else where the object begins. */
export function locationOf({ files, folder }: Build, object: unknown, path: Path): Location & { depth: number } {
  const found = files
    .flatMap(({ documents }) => documents)
    .filter(({ kind, name }) => kind === textAt(object, 'kind') && name === textAt(object, 'metadata', 'name'))
    .map(({ file, find, value }) => ({
      file,
      ...find(path),
      isOther: isElsewhere(value, object),
      isSame: isDeepStrictEqual(at(value, ...path), at(object, ...path)),
    }))
    .sort(
      (one, other) => Number(one.isOther) - Number(other.isOther) || other.depth - one.depth || Number(other.isSame) - Number(one.isSame),
    )
  return found[0] ?? { file: files.at(-1)?.file ?? `${folder}/${kustomizationFile}`, line: 1, depth: path.length }
}

/** Whether a document is of a namesake in another namespace. */
function isElsewhere(document: unknown, object: unknown): boolean {
  const namespace = textAt(document, 'metadata', 'namespace')
  return namespace !== '' && namespace !== textAt(object, 'metadata', 'namespace')
}

/** Where the files of a build hold a text; where none does, as with what kustomize generates, the build's own kustomization. */
export function placesOf({ files, folder }: Build, text: string, otherwise?: Location[]): Location[] {
  const found = files.flatMap((source) =>
    source.text
      .split('\n')
      .flatMap((line, at) => (line.includes(text) && !line.trimStart().startsWith('#') ? [{ file: source.file, line: at + 1 }] : [])),
  )
  return found.length > 0 ? found : (otherwise ?? [{ file: files.at(-1)?.file ?? `${folder}/${kustomizationFile}`, line: 1 }])
}

/** The fields of a Flux Kustomization's spec that change its build. */
export function buildFields(kustomization: unknown): YamlFields {
  const spec = at(kustomization, 'spec')
  const names = [...Object.keys(handedOn), 'targetNamespace', 'ignoreMissingComponents']
  return Object.fromEntries(names.flatMap((name) => (isFields(spec) && spec[name] !== undefined ? [[name, spec[name]]] : [])))
}
