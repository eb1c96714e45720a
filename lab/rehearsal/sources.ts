import { isMap, isSeq, type YAMLMap } from 'yaml'
import { isInstanceChart, isOperatorChart } from '../../lib/flux/charts.ts'
import { apiGroups } from '../../lib/flux/api-groups.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { type Addresses, branchOf, mirrorOf, placeOf } from './addresses.ts'
import type { StandIn } from './stand-in.ts'

/** The repository that is rehearsed with, as its own tree knows it. */
export interface OwnRepository {
  /** As `placeOf` has them. */
  readonly places: ReadonlySet<string>
  /** `KIND NAME` of the source that the cluster's root Kustomization follows. */
  readonly sources: ReadonlySet<string>
}

/** What a source needs where it is, and the lab's does not. */
const logins = ['secretRef', 'certSecretRef', 'proxySecretRef', 'provider', 'verify', 'passCredentials', 'recurseSubmodules']

/** What stands in a map as text; "" where it is none. */
export function textIn(map: YAMLMap, ...path: readonly string[]): string {
  const value: unknown = map.getIn(path)
  return typeof value === 'string' ? value : ''
}

/** Removes what is at a path, if it exists. */
export function removeIn(map: YAMLMap, ...path: readonly string[]): void {
  const parent: unknown = path.length === 1 ? map : map.getIn(path.slice(0, -1))
  if (isMap(parent)) parent.delete(path.at(-1))
}

/** Leads a source to the lab, if the map is one: the repository itself to the lab's Git, all others to what stands in for them. */
export function leadSource(map: YAMLMap, own: OwnRepository, addresses: Addresses): StandIn[] {
  const [kind, url] = [textIn(map, 'kind'), textIn(map, 'spec', 'url')]
  const spec = map.get('spec')
  if (!textIn(map, 'apiVersion').startsWith(`${apiGroups.source}/`) || !isMap(spec)) return []
  const name = `${kind} ${[textIn(map, 'metadata', 'namespace'), textIn(map, 'metadata', 'name')].filter((part) => part !== '').join('/')}`
  const isOwn = own.sources.has(`${kind} ${textIn(map, 'metadata', 'name')}`) || (url !== '' && own.places.has(placeOf(url)))
  const standIn: StandIn = { kind: 'source', name, inPlaceOf: url }
  if (isOwn) {
    leadToGit(map, spec, addresses)
    return [standIn]
  }
  // A Bucket of others; or an address that only a variable says, and is to be led where that is set.
  if (isVariable(url)) return []
  if (kind === fluxKinds.ociRepository.kind) leadArtifact(spec, url, addresses)
  else if (kind === 'HelmRepository') {
    spec.set('type', 'oci')
    spec.set('url', mirrorOf(url, addresses))
    spec.set('insecure', true)
  } else if (kind === fluxKinds.gitRepository.kind) {
    spec.set('url', addresses.standInsGit)
    spec.set('ref', { branch: branchOf(url) })
  } else return []
  for (const login of logins) spec.delete(login)
  return [standIn]
}

/** Makes a source one of the lab's Git; with a login where it had one. */
function leadToGit(map: YAMLMap, spec: YAMLMap, { git, privateGit }: Addresses): void {
  const secret: unknown = spec.get('secretRef')
  map.set('apiVersion', fluxKinds.gitRepository.apiVersion)
  map.set('kind', fluxKinds.gitRepository.kind)
  for (const field of [
    ...logins.filter((one) => one !== 'secretRef'),
    'layerSelector',
    'insecure',
    'bucketName',
    'endpoint',
    'region',
    'prefix',
  ])
    spec.delete(field)
  spec.set('url', secret === undefined ? git : privateGit)
  spec.set('ref', { branch: 'main' })
}

function leadArtifact(spec: YAMLMap, url: string, addresses: Addresses): void {
  spec.set('url', mirrorOf(url, addresses))
  spec.set('insecure', true)
  const isOwnChart = isOperatorChart(placeOf(url)) || isInstanceChart(placeOf(url))
  const semver = textIn(spec, 'ref', 'semver')
  const tag = textIn(spec, 'ref', 'tag').replace(/@.*/, '')
  // A digest is that of the real artifact. The lab's registry has one version of the operator's charts.
  if (isOwnChart) spec.set('ref', semver.includes('*') || semver.includes('x') ? { semver } : { tag: addresses.operatorVersion })
  else if (semver === '') spec.set('ref', { tag: tag === '' ? 'latest' : tag })
  else spec.set('ref', { semver })
}

function isVariable(text: string): boolean {
  return text === '' || text.startsWith('${')
}

/** Leads what a FluxInstance syncs, and its distribution, to the lab; `holder` is its spec, or the values of its chart. */
export function leadInstance(holder: YAMLMap, isOfChart: boolean, addresses: Addresses): StandIn[] {
  const { git, privateGit, registry, operatorVersion } = addresses
  const [sync, distribution] = [holder.get('sync'), holder.get('distribution')]
  const found: StandIn[] = []
  if (isMap(sync) && !isVariable(textIn(sync, 'url'))) {
    found.push({ kind: 'source', name: 'sync of the FluxInstance', inPlaceOf: textIn(sync, 'url') })
    sync.set('kind', fluxKinds.gitRepository.kind)
    sync.set('url', textIn(sync, 'pullSecret') === '' ? git : privateGit)
    sync.set('ref', 'refs/heads/main')
    sync.delete('provider')
  }
  if (isMap(distribution)) {
    // The chart has one of its own where none is named; "" asks for the manifests in the operator's image.
    const artifact = distribution.has('artifact') || !isOfChart ? textIn(distribution, 'artifact') : 'the default of the chart'
    if (!isVariable(artifact)) {
      found.push({ kind: 'source', name: 'distribution of the FluxInstance', inPlaceOf: artifact })
      distribution.set('artifact', `oci://${registry}/flux-operator-manifests:v${operatorVersion}`)
    }
    for (const secret of ['artifactPullSecret', 'imagePullSecret']) distribution.delete(secret)
  }
  return found
}

/** Removes from a HelmRelease what the lab cannot fulfil: values of objects that are nowhere are asked for, and not insisted on. */
export function easeRelease(map: YAMLMap, { operatorVersion }: Addresses): void {
  removeIn(map, 'spec', 'chart', 'spec', 'verify')
  const chart = textIn(map, 'spec', 'chart', 'spec', 'chart')
  if (isOperatorChart(chart) || isInstanceChart(chart)) map.setIn(['spec', 'chart', 'spec', 'version'], operatorVersion)
  const valuesFrom: unknown = map.getIn(['spec', 'valuesFrom'])
  if (isSeq(valuesFrom)) for (const item of valuesFrom.items) if (isMap(item)) item.set('optional', true)
}
