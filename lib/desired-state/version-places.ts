import { type Document, isNode, isScalar, isSeq, LineCounter } from 'yaml'
import { yamlDocuments } from '../base/yaml.ts'
import { componentsFile } from '../flux/bootstrap-files.ts'
import { isInstanceChart, isOperatorChart } from '../flux/charts.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { kinds } from '../kubernetes/objects.ts'

/** What a place is: a value, a reference to a chart, or the manifests of Flux itself. */
export const placeKinds = [
  'settings',
  'values',
  'instance',
  'tag',
  'digest',
  'semver',
  'chart-version',
  'remote-base',
  'components',
] as const

/** Where a repository says which version runs. */
export interface VersionPlace {
  readonly of: 'flux' | 'operator'
  readonly is: (typeof placeKinds)[number]
  /** From the top of the repository, and the line, counted from 1. */
  readonly file: string
  readonly line: number
  /** What stands there: a version, a range, a digest. */
  readonly says: string
  /** Which document of the file, and where in it; empty for the manifests of Flux itself, which are recreated as a whole. */
  readonly document: number
  readonly path: readonly (string | number)[]
}

/** A file of the repository. */
export interface TextFile {
  readonly file: string
  readonly text: string
}

type Path = readonly (string | number)[]

/** A document, and where it is. */
interface ParsedDocument extends TextFile {
  readonly index: number
  readonly document: Document
  readonly lines: LineCounter
}

/** What a place begins as: which path of a document is checked. */
type Candidate = Pick<VersionPlace, 'of' | 'is'> & {
  readonly path: Path
  /** What counts if this one is a variable that nothing sets, as a digest that may be pinned. */
  readonly otherwise?: Candidate | undefined
}

/** Only these words can make a file hold a version of Flux or of its operator. */
const specific = /distribution|flux-operator|flux-instance|fluxcd\/flux2|postBuild|kind: ConfigMap/

/**
 * Every place that says which version of Flux or of its operator runs, by kind and chart, not by name or place. Where a place takes its
 * version from a variable, it is the ConfigMap or Kustomization that sets the variable.
 */
export function findVersionPlaces(files: readonly TextFile[]): VersionPlace[] {
  const parsed = files.filter(({ file, text }) => !isComponents(file) && specific.test(text)).flatMap(documentsOf)
  const found = parsed.flatMap((one) => candidatesIn(one).flatMap((candidate) => resolved(one, candidate, parsed)))
  const unique = new Map(found.map((place) => [`${place.file} ${place.document} ${place.path.join('.')}`, place]))
  return [...unique.values(), ...files.filter(({ file }) => isComponents(file)).flatMap(componentsPlace)]
}

/** What stands at a place now, as the place says it; undefined where nothing does any more. */
export function saysAt(text: string, place: VersionPlace): string | undefined {
  if (place.is === 'components') return componentsPlace({ file: place.file, text })[0]?.says
  const document = documentsOf({ file: place.file, text }).find(({ index }) => index === place.document)
  const says = document === undefined ? '' : said(document, place.path)
  if (says === '') return undefined
  return place.is === 'remote-base' ? remoteRef.exec(says)?.[1]?.replace(/^v(?=\d)/, '') : says.replace(/^v(?=\d)/, '')
}

function isComponents(file: string): boolean {
  return file.split('/').at(-1) === componentsFile
}

function documentsOf({ file, text }: TextFile): ParsedDocument[] {
  const lines = new LineCounter()
  const documents = yamlDocuments(text, { lineCounter: lines })
  return documents.flatMap((document, index) => (document.errors.length > 0 ? [] : [{ file, text, index, document, lines }]))
}

function said({ document }: Pick<ParsedDocument, 'document'>, path: Path): string {
  const value: unknown = document.getIn(path)
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

function candidatesIn(one: ParsedDocument, above: Path = []): Candidate[] {
  const kind = said(one, [...above, 'kind'])
  const at = (...path: Path): Path => [...above, ...path]
  switch (kind) {
    case fluxKinds.fluxInstance.kind:
      return [{ of: 'flux', is: 'instance', path: at('spec', 'distribution', 'version') }]
    case fluxKinds.helmRelease.kind:
      return releaseCandidates(one, at)
    case fluxKinds.ociRepository.kind:
      if (!isOperatorChart(said(one, at('spec', 'url')))) return []
      return referenceCandidate(one, at('spec', 'ref'))
    case fluxKinds.resourceSet.kind: {
      const resources: unknown = one.document.getIn(['spec', 'resources'], true)
      const count = isSeq(resources) ? resources.items.length : 0
      return above.length > 0 ? [] : Array.from({ length: count }, (_, index) => candidatesIn(one, ['spec', 'resources', index])).flat()
    }
    case '': // values of a chart in a file of their own, or a kustomization that does not say that it is one
      return above.length > 0 ? [] : [{ of: 'flux', is: 'values', path: ['instance', 'distribution', 'version'] }, ...remoteBases(one)]
    default:
      return remoteBases(one)
  }
}

/** What a chart's reference says, in the order in which source-controller takes its fields. */
function referenceCandidate(one: ParsedDocument, ref: Path): Candidate[] {
  const fields = (['digest', 'semver', 'tag'] as const).filter((field) => said(one, [...ref, field]) !== '')
  const first = fields.reduceRight<Candidate | undefined>(
    (otherwise, field) => ({ of: 'operator', is: field, path: [...ref, field], otherwise }),
    undefined,
  )
  return first === undefined ? [] : [first]
}

function releaseCandidates(one: ParsedDocument, at: (...path: Path) => Path): Candidate[] {
  const chart = said(one, at('spec', 'chart', 'spec', 'chart'))
  const isOther = chart !== '' && !isInstanceChart(chart)
  return [
    ...(isOther ? [] : [{ of: 'flux', is: 'values', path: at('spec', 'values', 'instance', 'distribution', 'version') } as const]),
    ...(isOperatorChart(chart) ? [{ of: 'operator', is: 'chart-version', path: at('spec', 'chart', 'spec', 'version') } as const] : []),
  ]
}

const remoteRef = /^(?:https:\/\/)?github\.com\/fluxcd\/flux2\b.*[?&]ref=(v?\d[^&]*)/

/** Flux's own manifests as a base on a server: `github.com/fluxcd/flux2//manifests/install?ref=v2.9.4`. */
function remoteBases(one: ParsedDocument): Candidate[] {
  const resources: unknown = one.document.get('resources', true)
  if (!isSeq(resources)) return []
  return resources.items.flatMap((item, index) =>
    isScalar(item) && typeof item.value === 'string' && remoteRef.test(item.value)
      ? [{ of: 'flux', is: 'remote-base', path: ['resources', index] } as const]
      : [],
  )
}

/** The place itself, or those that set the variable which stands there. */
function resolved(one: ParsedDocument, candidate: Candidate, all: readonly ParsedDocument[]): VersionPlace[] {
  const says = said(one, candidate.path)
  if (says === '') return []
  const variable = /^\$\{(\w+)(?::?[-=]([^}]*))?\}$/.exec(says)
  if (variable === null) return [placeAt(one, candidate, candidate.is === 'remote-base' ? (remoteRef.exec(says)?.[1] ?? '') : says)]
  const [, name = ''] = variable
  const set = all.flatMap((other) => {
    const path = variablePath(other, name)
    return path === undefined ? [] : [placeAt(other, { of: candidate.of, is: 'settings', path }, said(other, path))]
  })
  return set.length === 0 && candidate.otherwise !== undefined ? resolved(one, candidate.otherwise, all) : set
}

function variablePath(one: ParsedDocument, name: string): Path | undefined {
  const paths: Readonly<Record<string, Path>> = {
    [kinds.configMap.kind]: ['data', name],
    [fluxKinds.kustomization.kind]: ['spec', 'postBuild', 'substitute', name],
  }
  const kind = said(one, ['kind'])
  const path = Object.hasOwn(paths, kind) ? paths[kind] : undefined
  return path === undefined || said(one, path) === '' ? undefined : path
}

function placeAt(one: ParsedDocument, { of, is, path }: Candidate, says: string): VersionPlace {
  const node: unknown = one.document.getIn(path, true)
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  return { of, is, file: one.file, line: one.lines.linePos(offset).line, says: says.replace(/^v(?=\d)/, ''), document: one.index, path }
}

function componentsPlace({ file, text }: TextFile): VersionPlace[] {
  const lines = text.split('\n')
  const index = lines.findIndex((line) => /^# Flux Version: v\d/.test(line))
  const says = /v(\S+)/.exec(lines[index]?.slice('# Flux Version: '.length) ?? '')?.[1]
  return says === undefined ? [] : [{ of: 'flux', is: 'components', file, line: index + 1, says, document: 0, path: [] }]
}
