import { compareVersions, parseVersion, type Version } from '../../base/version.ts'
import { isOperatorChart } from '../../flux/charts.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { appLabels } from '../../flux/labels.ts'
import { at, textAt } from './at.ts'
import type { ClusterTree, ManifestObject } from './cluster-tree.ts'
import type { Location } from './diagnostic.ts'

/** The versions that a cluster's tree names; empty where it does not. */
export interface PinnedVersions {
  readonly operator: string
  /** It may be a range: `2.x`. */
  readonly flux: string
  /** What names Flux's version, and where. */
  readonly instance: { readonly version: () => Location } | undefined
}

/** Which versions the tree of a cluster pins: by a FluxInstance or its chart, by the operator's chart, or by Flux's own manifests. */
export function pinnedIn({ placed }: ClusterTree): PinnedVersions {
  const manifest = placed.find(({ kind }) => kind === fluxKinds.fluxInstance.kind)
  const release = placed.find(
    ({ kind, object }) => kind === fluxKinds.helmRelease.kind && at(object, 'spec', 'values', 'instance', 'distribution') !== undefined,
  )
  const found = release ?? manifest
  const path = release === undefined ? ['spec', 'distribution', 'version'] : ['spec', 'values', 'instance', 'distribution', 'version']
  return {
    operator: operatorIn(placed, release),
    flux: (found === undefined ? gotkVersion(placed) : textAt(found.object, ...path)).replace(/^v/, ''),
    instance: found === undefined ? undefined : { version: () => found.place(...path) },
  }
}

/** The tag of the chart that brings the FluxInstance, which is the operator's; else that of the operator's own. */
function operatorIn(placed: readonly ManifestObject[], release: ManifestObject | undefined): string {
  const chart = textAt(release?.object, 'spec', 'chartRef', 'name')
  const sources = placed.filter(({ kind }) => kind === fluxKinds.ociRepository.kind)
  const source = sources.find(({ name }) => name === chart) ?? sources.find(({ object }) => isOperatorChart(textAt(object, 'spec', 'url')))
  return textAt(source?.object, 'spec', 'ref', 'tag').split('@')[0] ?? ''
}

/** The version that the manifests of `flux bootstrap` carry as a label. */
function gotkVersion(placed: readonly ManifestObject[]): string {
  const labels = placed.map(({ object }) => at(object, 'metadata', 'labels'))
  const own = labels.find((one) => textAt(one, appLabels.partOf) === 'flux' && textAt(one, appLabels.version) !== '')
  return textAt(own, appLabels.version)
}

/** Of the known versions the one that is named, else the newest of its range or minor; where none is named, the newest of all. */
export function closestVersion(named: string, known: readonly string[]): string | undefined {
  if (known.includes(named)) return named
  const [major = '', minor = ''] = named.replace(/^[\^~>=v ]+/, '').split('.')
  const isFitting = (version: Version): boolean =>
    (!/^\d+$/.test(major) || version.major === Number(major)) && (!/^\d+$/.test(minor) || version.minor === Number(minor))
  const fitting = known
    .flatMap((one) => parseVersion(one) ?? [])
    .filter(isFitting)
    .sort(compareVersions)
  const newest = fitting.at(-1)
  return newest === undefined ? undefined : `${newest.major}.${newest.minor}.${newest.patch}`
}
