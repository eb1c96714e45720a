import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { apiGroups, isOfGroup } from '../../flux/api-groups.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { findOutsideIn } from '../../desired-state/kustomize-references.ts'
import { yamlDocuments } from '../../base/yaml.ts'
import { at, listAt, textAt } from './at.ts'
import { type Build, type Builder, buildFields, locationOf } from './builds.ts'
import { type Files, kustomizationOf } from './kustomization-closure.ts'
import type { Diagnostic, Location } from './diagnostic.ts'
import type { GivenValues } from './given-values.ts'
import { expandResourceSet } from './resource-sets.ts'
import type { Rules } from './rules.ts'
import type { Path, SourceFile } from './source.ts'
import { hasVariables, type SettingsOf, substituted, textsOf, unknownValue, type Variables, variablesOf } from './variables.ts'

/** An object as Flux will apply it to one cluster, and where its fields stand. */
export interface ManifestObject {
  readonly object: unknown
  readonly kind: string
  readonly name: string
  readonly namespace: string
  /** What applies it; undefined for the root Kustomization, which the operator makes. */
  readonly by: ManifestObject | undefined
  /** Whether it is as its file has it, since its folder cannot be built: patches and names may be missing. */
  readonly isRaw?: boolean
  readonly place: (...path: Path) => Location
}

/** Everything that Flux will apply to one cluster, as far as the tree says it. */
export interface ClusterTree {
  readonly cluster: string
  readonly placed: readonly ManifestObject[]
  /** The Flux Kustomizations that were built, with what their variables made of it. */
  readonly applied: readonly AppliedObject[]
  /** What else is applied that cannot be known from the tree: another repository's, or what could not be built. */
  readonly unknown: readonly string[]
}

/** What one Flux Kustomization applies. */
export interface AppliedObject {
  readonly kustomization: ManifestObject
  readonly folder: string
  readonly text: string
  readonly variables: Readonly<Record<string, string>>
  readonly files: readonly SourceFile[]
}

/** Where the tree of a cluster begins, and what belongs to it. */
export interface ClusterRoot extends Omit<SettingsOf, 'cluster'> {
  readonly cluster: string
  /** The root Kustomization. */
  readonly root: ManifestObject
  /** The address of the repository, where the tree says it. */
  readonly url?: string
  /** How a path of a Kustomization is one of the repository, by what is known to be placed; undefined for what is not of it. */
  readonly artifactOf: (
    kustomization: ManifestObject,
    placed: readonly ManifestObject[],
  ) => ((path: string) => string | undefined) | undefined
}

/** What clusters are built from. */
export interface Workshop {
  /** The top of the repository. */
  readonly root: string
  readonly files: Files
  readonly builder: Builder
  readonly given: GivenValues
  /** By this project's own, plain kubectl must be able to build each folder too, and flux is asked what it makes of it. */
  readonly rules: Rules
  readonly findings: Diagnostic[]
}

/** Builds what Flux will apply to a cluster: its root, and what each Flux Kustomization in there leads to. */
export async function buildCluster(workshop: Workshop, start: ClusterRoot): Promise<ClusterTree> {
  const { given } = workshop
  const { cluster, root } = start
  const placed: ManifestObject[] = []
  const applied: AppliedObject[] = []
  const unknown = new Set<string>()
  const foreign: string[] = []
  const seen = new Set<string>([identity(root)])
  let waiting: ManifestObject[] = [root]
  while (waiting.length > 0) {
    // One that takes variables from what another applies is read after that.
    const ready = waiting.filter((one) => hasVariables(one, placed, given))
    const next = ready.length > 0 ? ready : waiting
    waiting = waiting.filter((one) => !next.includes(one))
    const built = await Promise.all(next.map((one) => buildOf(workshop, start, one, { unknown, foreign, placed })))
    for (const { kustomization, build, folder } of built.flatMap((one) => (one === undefined ? [] : [one]))) {
      const variables = variablesOf(kustomization, placed, given)
      const isCertain = kustomization.isRaw !== true
      const settings = { cluster, where: start.where }
      const text = variables === undefined ? build.text : substituted(build, { isCertain, ...variables }, settings, workshop)
      applied.push({ kustomization, folder, text, variables: textsOf(variables?.variables ?? {}), files: build.files })
      const by = kustomization === root ? undefined : kustomization
      const objects = build.isBroken ? rawObjects(build) : objectsOf(text)
      if (at(kustomization.object, 'spec', 'kubeConfig') !== undefined) continue // that is another cluster
      const found = objects.map((object) => placedIn(build, object, by, { variables: variables?.variables ?? {}, files: workshop.files }))
      for (const one of found.flatMap((each) => [each, ...madeBy(each, unknown)])) {
        placed.push(one)
        if (!isKustomization(one) || seen.has(identity(one))) continue
        seen.add(identity(one))
        waiting.push(one)
      }
    }
  }
  return { cluster, placed, applied, unknown: [...unknown, ...elsewhere(foreign)] }
}

/** Kustomizations whose sources are not this repository, as one line. */
function elsewhere(foreign: readonly string[]): string[] {
  if (foreign.length === 0) return []
  const more = foreign.length > 3 ? ` and ${foreign.length - 3} more` : ''
  return [`what is in other repositories: that of Kustomization ${foreign.slice(0, 3).join(', ')}${more}`]
}

const identity = ({ namespace, name }: ManifestObject): string => `${namespace}/${name}`

function isKustomization(one: ManifestObject): boolean {
  return one.kind === fluxKinds.kustomization.kind && isOfGroup({ apiVersion: textAt(one.object, 'apiVersion') }, apiGroups.kustomize)
}

/** Of a ResourceSet, what it makes. */
function madeBy(one: ManifestObject, unknown: Set<string>): ManifestObject[] {
  if (one.kind !== fluxKinds.resourceSet.kind) return []
  const { objects, isWhole } = expandResourceSet(one.object)
  if (!isWhole) unknown.add(`all that ${one.kind} ${one.namespace}/${one.name} makes`)
  return objects.map(({ object, path }) => ({
    object,
    kind: textAt(object, 'kind'),
    name: textAt(object, 'metadata', 'name'),
    namespace: textAt(object, 'metadata', 'namespace') || one.namespace,
    by: one,
    place: (...below) => one.place(...path, ...below),
  }))
}

interface BuiltKustomization {
  readonly kustomization: ManifestObject
  readonly build: Build
  readonly folder: string
}

/** The build of a Flux Kustomization; undefined where it is not of this repository, or its path does not exist. */
async function buildOf(
  { root, files, builder, rules, findings }: Workshop,
  start: ClusterRoot,
  one: ManifestObject,
  { unknown, foreign, placed }: { unknown: Set<string>; foreign: string[]; placed: readonly ManifestObject[] },
): Promise<BuiltKustomization | undefined> {
  const path = textAt(one.object, 'spec', 'path')
  const artifact = start.artifactOf(one, placed)
  if (artifact === undefined || path.includes(unknownValue)) {
    foreign.push(`${one.namespace}/${one.name}`)
    return undefined
  }
  const folder = artifact(path)
  if (folder === undefined || !existsSync(join(root, folder))) {
    unknown.add(`what ${one.kind} ${one.namespace}/${one.name} applies, whose path does not exist`) // reported by the references
    return undefined
  }
  const outside = [
    ...(await findOutsideIn(root, '.', { path: `./${folderOf(path) === folder ? path.replace(/^\.\//, '').replace(/\/$/, '') : folder}` })),
    ...(await findOutsideIn(root, folder, buildFields(one.object))),
  ]
  findings.push(...outside.map(({ field, message, remedy }) => ({ ...one.place('spec', field), rule: 'outside', message, remedy })))
  if (outside.length > 0) return undefined
  if (rules === 'project' && kustomizationOf(folder, files) === undefined) {
    const remedy = 'write one that lists its files, as plain kubectl kustomize wants'
    findings.push({ ...one.place('spec', 'path'), rule: 'build', message: `${folder} has no kustomization.yaml`, remedy })
    return undefined
  }
  const build = await builder.build(folder, buildFields(one.object))
  if (build.isBroken) unknown.add(`what ${one.kind} ${one.namespace}/${one.name} applies, which cannot be built`)
  return { kustomization: one, build, folder }
}

/** A path of a Flux Kustomization, from the top of its artifact. */
export function folderOf(path: string): string {
  return posix.normalize(path === '' ? '.' : path.replace(/^\/+/, '')).replace(/\/$/, '')
}

function objectsOf(text: string): unknown[] {
  return yamlDocuments(text).flatMap((document) => {
    const value: unknown = document.errors.length === 0 ? document.toJS() : undefined
    return value === null || value === undefined ? [] : [value]
  })
}

/** The objects of the files of a build that cannot be made, as they are written: others refer to them. */
function rawObjects({ files }: Build): unknown[] {
  return files.flatMap(({ documents }) =>
    documents.flatMap(({ value, kind, name }) =>
      kind === '' || name === '' || textAt(value, 'apiVersion').startsWith('kustomize.config.k8s.io/') ? [] : [value],
    ),
  )
}

interface BuildInputs {
  readonly variables: Variables
  readonly files: Files
}

function placedIn(build: Build, object: unknown, by: ManifestObject | undefined, { variables, files }: BuildInputs): ManifestObject {
  const metadata = (field: string): string => textAt(object, 'metadata', field)
  const place = (...path: Path): Location => {
    const found = locationOf(build, object, path)
    if (found.depth < path.length) return patchedAt(by, textAt(object, ...path), files) ?? found
    const line = build.files.find(({ file }) => file === found.file)?.text.split('\n')[found.line - 1] ?? ''
    // What a variable says is fixed where the variable is set.
    return variables[/\$\{(\w+)/.exec(line)?.[1] ?? '']?.place ?? { file: found.file, line: found.line }
  }
  const kind = textAt(object, 'kind')
  return { object, kind, name: metadata('name'), namespace: metadata('namespace'), by, isRaw: build.isBroken, place }
}

/** Where a patch of the Flux Kustomization that applies an object says this, if one does. */
function patchedAt(by: ManifestObject | undefined, said: string, files: Files): Location | undefined {
  if (by === undefined || said === '') return undefined
  const found = listAt(by.object, 'spec', 'patches').flatMap((patch, index): Location[] => {
    const lines = textAt(patch, 'patch').split('\n')
    const start = by.place('spec', 'patches', index, 'patch')
    const text = files.get(start.file)?.text.split('\n') ?? []
    if (!lines.some((line) => line.trim().endsWith(said))) return []
    const offset = text.slice(start.line - 1).findIndex((line) => line.trim().endsWith(said))
    return offset === -1 ? [] : [{ file: start.file, line: start.line + offset }]
  })
  return found[0]
}
