import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { kinds } from '../cluster/objects.ts'
import { substitute } from '../substitution.ts'
import { messageOf } from '../errors.ts'
import { parseAllDocuments } from 'yaml'
import { at, isFields, listAt, textAt } from './at.ts'
import { type Build, type Builder, buildFields, placeOf, placesOf } from './builds.ts'
import type { Finding, Place } from './finding.ts'
import type { Path, SourceFile } from './source.ts'

/** An object as Flux will apply it to one cluster, and where its fields stand. */
export interface Placed {
  readonly object: unknown
  readonly kind: string
  readonly name: string
  readonly namespace: string
  /** What applies it; undefined for the root Kustomization, which the operator makes. */
  readonly by: Placed | undefined
  readonly place: (...path: Path) => Place
}

/** Everything that Flux will apply to one cluster, as far as the tree says it. */
export interface ClusterTree {
  readonly cluster: string
  readonly placed: readonly Placed[]
  /** The Flux Kustomizations that were built, with what their variables made of it. */
  readonly applied: readonly Applied[]
}

/** What one Flux Kustomization applies. */
export interface Applied {
  readonly kustomization: Placed
  readonly folder: string
  readonly text: string
  readonly variables: Readonly<Record<string, string>>
}

export const clustersFolder = 'kubernetes/clusters'

/** The clusters that the tree has a folder for. */
export function clustersIn(files: readonly SourceFile[]): string[] {
  const found = files.flatMap(({ file }) => /^kubernetes\/clusters\/([^/]+)\/kustomization\.yaml$/.exec(file)?.[1] ?? [])
  return [...new Set(found)]
}

/** Builds what Flux will apply to a cluster: its own folder, and what each Flux Kustomization in there leads to. */
export async function buildCluster(root: string, cluster: string, builder: Builder, findings: Finding[]): Promise<ClusterTree> {
  const own = await builder.build(`${clustersFolder}/${cluster}`)
  const placed: Placed[] = objectsOf(own.text).map((object) => placedIn(own, object, undefined))
  const applied: Applied[] = []
  // What is found grows while it is gone through: a Kustomization may apply further ones.
  for (const one of placed) {
    if (one.kind !== kinds.kustomization.kind || !textAt(one.object, 'apiVersion').startsWith('kustomize.toolkit.fluxcd.io/')) continue
    const folder = textAt(one.object, 'spec', 'path').replace(/^\.\//, '').replace(/\/$/, '')
    if (!existsSync(join(root, folder))) continue // told by the references, unless it is another repository's
    if (!existsSync(join(root, folder, 'kustomization.yaml'))) {
      const message = `${folder} has no kustomization.yaml`
      findings.push({
        ...one.place('spec', 'path'),
        rule: 'build',
        message,
        remedy: 'write one that lists its files, as plain kubectl kustomize wants',
      })
      continue
    }
    const build = await builder.build(folder, buildFields(one.object))
    const variables = variablesOf(one, placed)
    const text = variables === undefined ? build.text : substituted(build, textsOf(variables), cluster, findings)
    applied.push({ kustomization: one, folder, text, variables: textsOf(variables ?? {}) })
    placed.push(...objectsOf(text).map((object) => placedIn(build, object, one, variables)))
  }
  return { cluster, placed, applied }
}

function objectsOf(text: string): unknown[] {
  return parseAllDocuments(text, { logLevel: 'silent' }).flatMap((document) => {
    const value: unknown = document.errors.length === 0 ? document.toJS() : undefined
    return value === null || value === undefined ? [] : [value]
  })
}

/** A variable's value, and where it is set. */
interface Variable {
  readonly value: string
  readonly place: Place
}
type Variables = Readonly<Record<string, Variable>>

const textsOf = (variables: Variables): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).map(([name, { value }]) => [name, value]))

function placedIn(build: Build, object: unknown, by: Placed | undefined, variables: Variables = {}): Placed {
  const metadata = (field: string): string => textAt(object, 'metadata', field)
  const place = (...path: Path): Place => {
    const found = placeOf(build, object, path)
    const line = build.files.find(({ file }) => file === found.file)?.text.split('\n')[found.line - 1] ?? ''
    // What a variable says is mended where the variable is set.
    return variables[/\$\{(\w+)/.exec(line)?.[1] ?? '']?.place ?? found
  }
  return { object, kind: textAt(object, 'kind'), name: metadata('name'), namespace: metadata('namespace'), by, place }
}

/** What a Kustomization substitutes; undefined where it substitutes nothing. Its own values win over those of its ConfigMaps. */
function variablesOf(kustomization: Placed, placed: readonly Placed[]): Variables | undefined {
  const postBuild = at(kustomization.object, 'spec', 'postBuild')
  if (postBuild === undefined) return undefined
  const from = listAt(postBuild, 'substituteFrom').flatMap((source) => {
    const isMeant = ({ kind, name, namespace }: Placed): boolean =>
      kind === textAt(source, 'kind') && name === textAt(source, 'name') && namespace === kustomization.namespace
    return placed.filter(isMeant).flatMap((one) => [...variablesIn(one, 'data'), ...variablesIn(one, 'stringData')])
  })
  return Object.fromEntries([...from, ...variablesIn(kustomization, 'spec', 'postBuild', 'substitute')])
}

function variablesIn(one: Placed, ...path: Path): [string, Variable][] {
  const values = at(one.object, ...path)
  if (!isFields(values)) return []
  return Object.entries(values).map(([name, value]) => [name, { value: String(value), place: one.place(...path, name) }])
}

/** An object of which Flux leaves the variables alone, such as a script of its own variables. */
const isLeftAlone = (document: string): boolean => /^ {4}kustomize\.toolkit\.fluxcd\.io\/substitute: disabled$/m.test(document)

/** The build with its variables put in; each that has no value is found, and left empty, as Flux would. */
function substituted(build: Build, variables: Readonly<Record<string, string>>, cluster: string, findings: Finding[]): string {
  const documents = build.text.split(/^---$/m).map((document) => {
    if (isLeftAlone(document)) return document
    const missing = [...document.matchAll(/(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].flatMap(([, name = '']) =>
      name in variables ? [] : [name],
    )
    for (const name of new Set(missing)) {
      for (const place of placesOf(build, `\${${name}}`)) {
        const message = `\${${name}} has no value in cluster ${cluster}: Flux would put in nothing`
        const remedy = `set ${name} in ${clustersFolder}/${cluster}/settings.yaml, or give a default: \${${name}:=VALUE}`
        findings.push({ ...place, rule: 'variables', message, remedy })
      }
    }
    try {
      return substitute(document, { ...Object.fromEntries(missing.map((name) => [name, ''])), ...variables }, build.folder)
    } catch (error) {
      const form = /uses (\$\{[^}]*\})/.exec(messageOf(error))?.[1] ?? '${'
      for (const place of placesOf(build, form)) {
        const message = `${form} is a form of substitution that the scripts do not read`
        findings.push({ ...place, rule: 'variables', message, remedy: 'write ${name} or ${name:=default}' })
      }
      return ''
    }
  })
  return documents.join('---')
}
