import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { kinds } from '../cluster/objects.ts'
import { at, isFields, listAt, textAt } from './at.ts'
import type { ClusterTree, Placed } from './cluster-tree.ts'
import type { Finding } from './finding.ts'
import type { Path } from './source.ts'

const fluxGroups = /(^|\.)(toolkit\.fluxcd\.io|fluxcd\.controlplane\.io)\//
/** Kinds whose every object the tree must hold itself: nothing but Git makes them, save for what the operator makes. */
const fromGit = ['GitRepository', 'OCIRepository', 'HelmRepository', 'Bucket', 'HelmRelease', 'Kustomization']

export function isFlux({ object }: Placed): boolean {
  return fluxGroups.test(textAt(object, 'apiVersion'))
}

/** What an object refers to, and where. */
interface Reference {
  readonly from: Placed
  readonly path: Path
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

/** Finds every reference of a cluster's Flux objects that leads nowhere: the cluster would tell, but only after it was pushed. */
export function checkReferences(root: string, tree: ClusterTree, text: (place: { file: string; line: number }) => string): Finding[] {
  const flux = tree.placed.filter(isFlux)
  const operators = madeByOperator(tree)
  const isThere = ({ kind, name, namespace }: Omit<Reference, 'from' | 'path'>): boolean =>
    [...tree.placed, ...operators].some((one) => one.kind === kind && one.name === name && one.namespace === namespace)

  const missing = (rule: string, references: readonly Reference[], remedy: (reference: Reference) => string): Finding[] =>
    references
      .filter((reference) => !isThere(reference))
      .map((reference) => ({
        ...reference.from.place(...reference.path),
        rule,
        message: `${label(reference.from)} refers to ${reference.kind} ${reference.namespace}/${reference.name}, which cluster ${tree.cluster} does not have`,
        remedy: remedy(reference),
      }))
  const addIt = ({ kind }: Reference): string => `mend the name, or add the ${kind} to what the cluster applies`
  return [
    ...missing('source', flux.flatMap(sourcesOf), addIt),
    ...missing('health-check', flux.flatMap(healthChecksOf), addIt),
    ...missing('depends-on', flux.flatMap(dependenciesOf), addIt),
    ...circles(flux),
    ...missing('substitute-from', flux.flatMap(substitutedFrom), addIt),
    ...missing(
      'secret',
      flux.flatMap(secretsOf).filter((one) => !isBrought(one, tree) && !/#.*\bby hand\b/.test(text(one.from.place(...one.path)))),
      ({ name }) =>
        `add it (encrypted with SOPS, or an ExternalSecret of target ${name}), or, where a person makes it, say so on that line: # by hand`,
    ),
    ...flux.flatMap((one) => missingPath(root, one, tree)),
  ]
}

export function label({ kind, namespace, name }: Placed): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`
}

function reference(from: Placed, path: Path, kind: string): Reference[] {
  const target = at(from.object, ...path)
  const name = textAt(target, 'name')
  return name === '' ? [] : [{ from, path: [...path, 'name'], kind, name, namespace: textAt(target, 'namespace') || from.namespace }]
}

/** References at each of a list's items. */
function references(from: Placed, list: Path, kindOf: (item: unknown) => string | undefined, ...below: Path): Reference[] {
  return listAt(from.object, ...list).flatMap((item, index) => {
    const kind = kindOf(item)
    return kind === undefined ? [] : reference(from, [...list, index, ...below], kind)
  })
}

function sourcesOf(one: Placed): Reference[] {
  const paths: Path[] = [
    ['spec', 'sourceRef'],
    ['spec', 'chartRef'],
    ['spec', 'chart', 'spec', 'sourceRef'],
  ]
  return paths.flatMap((path) => reference(one, path, textAt(one.object, ...path, 'kind')))
}

function healthChecksOf(one: Placed): Reference[] {
  return references(one, ['spec', 'healthChecks'], (check) => fromGit.find((kind) => kind === textAt(check, 'kind')))
}

function dependenciesOf(one: Placed): Reference[] {
  return references(one, ['spec', 'dependsOn'], () => one.kind)
}

function substitutedFrom(one: Placed): Reference[] {
  return references(one, ['spec', 'postBuild', 'substituteFrom'], (source) =>
    at(source, 'optional') === true ? undefined : textAt(source, 'kind'),
  )
}

/** Each `secretRef` and its like in a spec, and each list of values' sources; what is optional may be missing. */
function secretsOf(one: Placed): Reference[] {
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

/** The source and root Kustomization that the operator makes from the FluxInstance's values, under the name of its namespace. */
function madeByOperator({ placed }: ClusterTree): { kind: string; name: string; namespace: string }[] {
  return placed.flatMap(({ kind, namespace, object }) => {
    const sync = at(object, 'spec', 'values', 'instance', 'sync')
    if (kind !== kinds.helmRelease.kind || sync === undefined) return []
    const name = textAt(sync, 'name') || namespace
    return [textAt(sync, 'kind') || kinds.gitRepository.kind, kinds.kustomization.kind].map((made) => ({ kind: made, name, namespace }))
  })
}

/** A Flux Kustomization's path, and the FluxInstance's; unless the tree has the source itself, which then is another repository. */
function missingPath(root: string, one: Placed, { placed }: ClusterTree): Finding[] {
  const path: Path = one.kind === kinds.kustomization.kind ? ['spec', 'path'] : ['spec', 'values', 'instance', 'sync', 'path']
  const folder = textAt(one.object, ...path)
  if (folder === '' || existsSync(join(root, folder))) return []
  const source = at(one.object, 'spec', 'sourceRef')
  const isForeign = placed.some(({ kind, name }) => kind === textAt(source, 'kind') && name === textAt(source, 'name'))
  if (isForeign) return []
  return [
    {
      ...one.place(...path),
      rule: 'path',
      message: `${label(one)} follows ${folder}, which is not there`,
      remedy: 'mend the path, or add the folder',
    },
  ]
}

/** Kustomizations or HelmReleases that wait for each other: none of them is ever applied. */
function circles(flux: readonly Placed[]): Finding[] {
  const key = (kind: string, namespace: string, name: string): string => `${kind} ${namespace}/${name}`
  const graph = new Map(flux.map((one) => [key(one.kind, one.namespace, one.name), one]))
  return flux.flatMap((start) => {
    const seen = new Set<Placed>()
    const waiting = [start]
    for (const one of waiting) {
      for (const { kind, namespace, name } of dependenciesOf(one)) {
        const next = graph.get(key(kind, namespace, name))
        if (next === start) {
          const message = `${label(start)} waits for ${one === start ? 'itself' : `${label(one)}, which waits for it`}: neither is ever applied`
          return [{ ...start.place('spec', 'dependsOn'), rule: 'depends-on', message, remedy: 'take one dependsOn of the circle out' }]
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
