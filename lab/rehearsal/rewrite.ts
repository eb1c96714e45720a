import { isMap, isScalar, isSeq, parseAllDocuments, parseDocument, visit, type Document, type YAMLMap } from 'yaml'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import type { Addresses } from './addresses.ts'
import { isEncrypted, withRandomLines, withRandomValues } from './sops-values.ts'
import { easeRelease, leadInstance, leadSource, type OwnRepository, removeIn, textIn } from './sources.ts'
import type { StandIn } from './stand-in.ts'

/** What files are rewritten by. */
export interface Rewriting {
  readonly own: OwnRepository
  readonly addresses: Addresses
  /** The values that stand for a file's encrypted ones: always the same in one lab. */
  readonly randomly: (file: string) => (value: string) => string
}

/** A file of the repository as the lab's Git is to have it. */
export interface Rewritten {
  readonly text: string
  readonly standIns: readonly StandIn[]
}

/**
 * Rewrites one YAML file so that Flux can follow it in the lab: sources lead to the lab, encrypted values are random ones. Undefined where nothing
 * is to be changed, or it is not YAML.
 * @param file named in what stands in
 */
export function rewriteManifests(text: string, file: string, rewriting: Rewriting): Rewritten | undefined {
  const documents = parseAllDocuments(text, { logLevel: 'silent', merge: true })
  if (!Array.isArray(documents) || documents.some(({ errors }) => errors.length > 0)) return undefined
  const before = documents.map(String)
  const standIns = documents.flatMap((document) => rewriteDocument(document, file, rewriting))
  const after = documents.filter(({ contents }) => contents !== null).map((document) => document.toString({ lineWidth: 0 }))
  const isSame = standIns.length === 0 && documents.every((document, index) => String(document) === before[index])
  return isSame ? undefined : { text: joined(after), standIns }
}

/** The same for a file that is not YAML: only what SOPS has encrypted line by line. */
export function rewriteLines(text: string, file: string, { randomly }: Pick<Rewriting, 'randomly'>): Rewritten | undefined {
  if (!/^sops_mac=/m.test(text)) return undefined
  return { text: withRandomLines(text, randomly(file)), standIns: [{ kind: 'secret', name: file, inPlaceOf: 'what SOPS has encrypted' }] }
}

function joined(documents: readonly string[]): string {
  return documents.map((text, index) => (index === 0 || text.startsWith('---') ? text : `---\n${text}`)).join('')
}

function rewriteDocument(document: Document, file: string, rewriting: Rewriting): StandIn[] {
  const { own, addresses, randomly } = rewriting
  const standIns: StandIn[] = []
  if (isEncrypted(document)) {
    const [kind, name] = [document.get('kind'), document.getIn(['metadata', 'name'])]
    withRandomValues(document, randomly(file))
    const called = typeof kind === 'string' && typeof name === 'string' ? `${kind} ${name}` : file
    standIns.push({ kind: 'secret', name: called, inPlaceOf: `the values that SOPS has encrypted in ${file}` })
  }
  visit(document, {
    Map(_, map) {
      const kind = textIn(map, 'kind')
      standIns.push(...leadSource(map, own, addresses))
      if (kind === fluxKinds.helmRelease.kind) easeRelease(map, addresses)
      for (const holder of holdersOf(map)) standIns.push(...leadInstance(holder, kind !== fluxKinds.fluxInstance.kind, addresses))
      followOwn(map, own)
      withoutDecryption(map)
    },
  })
  return standIns
}

/** The spec of a FluxInstance, or the values of its chart: in a HelmRelease, or in a file of values. */
function holdersOf(map: YAMLMap): YAMLMap[] {
  if (textIn(map, 'kind') === fluxKinds.fluxInstance.kind) {
    const spec = map.get('spec')
    return isMap(spec) ? [spec] : []
  }
  const instance = map.get('instance')
  return isMap(instance) && (isMap(instance.get('sync')) || isMap(instance.get('distribution'))) ? [instance] : []
}

/** Objects whose source was an artifact of this repository follow its Git now. */
function followOwn(map: YAMLMap, own: OwnRepository): void {
  for (const field of ['sourceRef', 'chartRef']) {
    const ref = map.get(field)
    if (isMap(ref) && own.sources.has(`${textIn(ref, 'kind')} ${textIn(ref, 'name')}`)) ref.set('kind', fluxKinds.gitRepository.kind)
  }
}

/** Nothing is encrypted any more, and the key does not exist: a Kustomization, or a patch of some, that asks for it would fail. */
function withoutDecryption(map: YAMLMap): void {
  if (textIn(map, 'kind') === fluxKinds.kustomization.kind) removeIn(map, 'spec', 'decryption')
  const patch = map.get('patch', true)
  if (!isScalar(patch) || typeof patch.value !== 'string' || !patch.value.includes('decryption')) return
  const inner = parseDocument(patch.value, { logLevel: 'silent' })
  if (inner.errors.length > 0) return
  if (isMap(inner.contents)) removeIn(inner.contents, 'spec', 'decryption')
  else if (isSeq(inner.contents)) {
    inner.contents.items = inner.contents.items.filter((item) => !isMap(item) || !textIn(item, 'path').startsWith('/spec/decryption'))
  }
  patch.value = inner.toString({ lineWidth: 0 })
}
