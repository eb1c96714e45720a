import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../../base/nearest.ts'
import { isFluxKind } from '../../flux/api-groups.ts'
import { kinds } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { at, isFields, listAt, textAt } from './at.ts'
import { artifactNames } from './artifacts.ts'
import type { ClusterRoot, ClusterTree, ManifestObject } from './cluster-tree.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { GivenValues } from './given-values.ts'
import type { Rules } from './rules.ts'
import type { Path } from './source.ts'
import { unknownValue } from './variables.ts'

/** Kinds whose every object the tree must hold itself: nothing but Git makes them, except for what the operator makes. */
const fromGit = ['GitRepository', 'OCIRepository', 'HelmRepository', 'Bucket', 'HelmRelease', 'Kustomization']

export function isFlux({ object }: ManifestObject): boolean {
  return isFluxKind({ apiVersion: textAt(object, 'apiVersion') })
}

/** What an object refers to, and where. */
interface Reference {
  readonly from: ManifestObject
  readonly path: Path
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

/** What references are checked with. */
export interface ReferenceCheck {
  readonly tree: ClusterTree
  readonly start: ClusterRoot
  readonly rules: Rules
  readonly given: GivenValues
  /** The line at a place. */
  readonly lineAt: (place: { file: string; line: number }) => string
}

/** Finds every reference of a cluster's Flux objects that leads nowhere: the cluster would tell, but only after it was pushed. */
export function checkReferences(root: string, { tree, start, rules, given, lineAt: text }: ReferenceCheck): Diagnostic[] {
  const flux = tree.placed.filter(isFlux)
  const known: readonly ObjectName[] = [...tree.placed, ...madeOf(tree, start), ...objectsIn(given)]
  const there = new Set(known.map(keyOf))
  const isThere = (one: ObjectName): boolean =>
    there.has(keyOf(one)) || there.has(keyOf({ ...one, namespace: wherever })) || one.name.includes(unknownValue)
  // Where not all of a cluster is known, a name that is nowhere may still be right, unless it is nearly another.
  const isUncertain = rules === 'flux' && tree.unknown.length > 0
  const isMisspelt = ({ kind, namespace, name }: Reference): boolean =>
    nearest(
      name,
      known.flatMap((one) => (one.kind === kind && one.namespace === namespace ? [one.name] : [])),
    ) !== undefined

  const missing = (rule: string, references: readonly Reference[], remedy: (reference: Reference) => string): Diagnostic[] =>
    references
      .filter((reference) => !isThere(reference) && !(isUncertain && !isMisspelt(reference)))
      .map((reference) => ({
        ...reference.from.place(...reference.path),
        rule,
        message: `${label(reference.from)} refers to ${reference.kind} ${reference.namespace}/${reference.name}, which cluster ${tree.cluster} does not have`,
        remedy: remedy(reference),
      }))
  const addIt = ({ kind }: Reference): string => `fix the name, or add the ${kind} to what the cluster applies`
  return [
    ...missing('source', flux.flatMap(sourcesOf), addIt),
    ...missing('health-check', flux.flatMap(healthChecksOf), addIt),
    ...missing('depends-on', flux.flatMap(dependenciesOf), addIt),
    ...circles(flux),
    ...missing(
      'substitute-from',
      flux.flatMap(substitutedFrom).filter((one) => rules === 'project' || isMisspelt(one)),
      (one) => (rules === 'project' ? addIt(one) : 'fix the name; or, if it is created in the cluster, give its values with --values FILE'),
    ),
    ...missing(
      'secret',
      (rules === 'project' ? flux.flatMap(secretsOf) : []).filter(
        (one) => !isBrought(one, tree) && !/^[^#]*#.*\bby hand\b/.test(text(one.from.place(...one.path))),
      ),
      ({ name }) =>
        `add it (encrypted with SOPS, or an ExternalSecret of target ${name}), or, if a person creates it, say so on that line: # by hand`,
    ),
    ...flux
      .filter(({ kind }) => rules === 'project' || kind === fluxKinds.kustomization.kind)
      .flatMap((one) => missingPath(root, one, start, tree)),
  ]
}

export function label({ kind, namespace, name }: ManifestObject): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`
}

function reference(from: ManifestObject, path: Path, kind: string): Reference[] {
  const target = at(from.object, ...path)
  const name = textAt(target, 'name')
  return name === '' ? [] : [{ from, path: [...path, 'name'], kind, name, namespace: textAt(target, 'namespace') || from.namespace }]
}

/** References at each of a list's items. */
function references(from: ManifestObject, list: Path, kindOf: (item: unknown) => string | undefined, ...below: Path): Reference[] {
  return listAt(from.object, ...list).flatMap((item, index) => {
    const kind = kindOf(item)
    return kind === undefined ? [] : reference(from, [...list, index, ...below], kind)
  })
}

function sourcesOf(one: ManifestObject): Reference[] {
  const paths: Path[] = [
    ['spec', 'sourceRef'],
    ['spec', 'chartRef'],
    ['spec', 'chart', 'spec', 'sourceRef'],
  ]
  return paths.flatMap((path) => reference(one, path, textAt(one.object, ...path, 'kind')))
}

function healthChecksOf(one: ManifestObject): Reference[] {
  return references(one, ['spec', 'healthChecks'], (check) => fromGit.find((kind) => kind === textAt(check, 'kind')))
}

function dependenciesOf(one: ManifestObject): Reference[] {
  const known = [...fromGit, fluxKinds.resourceSet.kind]
  return references(one, ['spec', 'dependsOn'], (item) => {
    const kind = textAt(item, 'kind') || one.kind
    return known.includes(kind) ? kind : undefined
  })
}

function substitutedFrom(one: ManifestObject): Reference[] {
  return references(one, ['spec', 'postBuild', 'substituteFrom'], (source) =>
    at(source, 'optional') === true ? undefined : textAt(source, 'kind'),
  )
}

/** Each `secretRef` and its like in a spec, and each list of values' sources; what is optional may be missing. */
function secretsOf(one: ManifestObject): Reference[] {
  const named = (value: unknown, path: Path): Reference[] => {
    if (Array.isArray(value)) return value.flatMap((item, index) => named(item, [...path, index]))
    if (!isFields(value)) return []
    return Object.entries(value).flatMap(([key, below]) => {
      const here = [...path, key]
      if (/^(\w*S|s)ecretRef$/.test(key) && at(below, 'optional') !== true) return reference(one, here, kinds.secret.kind)
      return key === 'values' || key === 'postRenderers' ? [] : named(below, here) // a chart's own business
    })
  }
  const isSecret = (source: unknown): string | undefined =>
    textAt(source, 'kind') === kinds.secret.kind && at(source, 'optional') !== true ? kinds.secret.kind : undefined
  return [...named(at(one.object, 'spec'), ['spec']), ...references(one, ['spec', 'valuesFrom'], isSecret)]
}

/** Secrets that bootstrap makes from a person's settings, and those that an operator for secrets makes from Git. */
function isBrought({ name, namespace }: Reference, { placed, applied }: ClusterTree): boolean {
  const pulled = ['git_pull_secret', 'registry_pull_secret']
  if (name === 'sops-age' || applied.some(({ variables }) => pulled.some((variable) => variables[variable] === name))) return true
  return placed.some((one) => {
    const target = textAt(one.object, 'spec', 'target', 'name') || one.name
    return (one.kind === 'ExternalSecret' || one.kind === 'SealedSecret') && target === name && one.namespace === namespace
  })
}

interface ObjectName {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

const keyOf = ({ kind, namespace, name }: ObjectName): string => `${kind} ${namespace}/${name}`

/** What controllers make: the source and root Kustomization of a FluxInstance, under the name of its namespace, and artifacts of others. */
function madeOf({ placed }: ClusterTree, { root }: ClusterRoot): ObjectName[] {
  const ofSyncs = placed.flatMap(({ kind, namespace, object }) => {
    const sync = at(object, 'spec', ...(kind === fluxKinds.fluxInstance.kind ? [] : ['values', 'instance']), 'sync')
    if (sync === undefined || ![fluxKinds.helmRelease.kind, fluxKinds.fluxInstance.kind].some((one) => one === kind)) return []
    const name = textAt(sync, 'name') || namespace
    const source = textAt(sync, 'kind') || fluxKinds.gitRepository.kind
    return [source, fluxKinds.kustomization.kind].map((made) => ({ kind: made, name, namespace }))
  })
  const ref = at(root.object, 'spec', 'sourceRef')
  const source = { kind: textAt(ref, 'kind'), namespace: textAt(ref, 'namespace') || root.namespace, name: textAt(ref, 'name') }
  const artifacts = placed.flatMap(({ object, namespace }) =>
    artifactNames(object).map((name) => ({ kind: fluxKinds.externalArtifact.kind, namespace, name })),
  )
  return [...ofSyncs, root, source, ...artifacts]
}

/** The namespace of an object that a person gave without one. */
const wherever = '*'

function objectsIn({ objects }: GivenValues): ObjectName[] {
  return objects.map((object) => ({
    kind: textAt(object, 'kind'),
    namespace: textAt(object, 'metadata', 'namespace') || wherever,
    name: textAt(object, 'metadata', 'name'),
  }))
}

/** A Flux Kustomization's path, and the FluxInstance's; unless its source is another repository. */
function missingPath(root: string, one: ManifestObject, { artifactOf }: ClusterRoot, { placed }: ClusterTree): Diagnostic[] {
  const path: Path = one.kind === fluxKinds.kustomization.kind ? ['spec', 'path'] : ['spec', 'values', 'instance', 'sync', 'path']
  const said = textAt(one.object, ...path)
  const folder = artifactOf(one, placed)?.(said)
  if (said === '' || said.includes(unknownValue) || folder === undefined || existsSync(join(root, folder))) return []
  return [
    {
      ...one.place(...path),
      rule: 'path',
      message: `${label(one)} follows ${said}, which does not exist`,
      remedy: 'fix the path, or add the folder',
    },
  ]
}

/** Kustomizations or HelmReleases that wait for each other: none of them is ever applied. */
function circles(flux: readonly ManifestObject[]): Diagnostic[] {
  const graph = new Map(flux.map((one) => [keyOf(one), one]))
  return flux.flatMap((start) => {
    const seen = new Set<ManifestObject>()
    const waiting = [start]
    for (const one of waiting) {
      for (const needed of dependenciesOf(one)) {
        const next = graph.get(keyOf(needed))
        if (next === start) {
          const message = `${label(start)} waits for ${one === start ? 'itself' : `${label(one)}, which waits for it`}: neither is ever applied`
          return [{ ...start.place('spec', 'dependsOn'), rule: 'depends-on', message, remedy: 'remove one dependsOn of the cycle' }]
        }
        if (next !== undefined && !seen.has(next)) {
          seen.add(next)
          waiting.push(next)
        }
      }
    }
    return []
  })
}
