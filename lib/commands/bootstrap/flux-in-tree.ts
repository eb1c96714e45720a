import { OperatorError } from '../../base/errors.ts'
import { type Chart, findChart } from '../../desired-state/chart.ts'
import { isInstanceChart, isOperatorChart } from '../../flux/charts.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { type KubeObject, kinds, parseObject } from '../../kubernetes/objects.ts'
import { at, isFields, textAt } from '../validate/at.ts'
import type { ClusterTree, ManifestObject } from '../validate/cluster-tree.ts'
import type { Diagnostic } from '../validate/diagnostic.ts'

/** What Flux is installed by, in a tree of any layout. */
export interface FluxInTree {
  readonly operator: Omit<Chart, 'tracksDigest'>
  readonly instance:
    | { readonly is: 'chart'; readonly chart: Omit<Chart, 'tracksDigest'> }
    | { readonly is: 'manifest'; readonly object: KubeObject }
  /** The FluxInstance's spec, or the values that its chart makes it of. */
  readonly spec: unknown
  /** The objects that Flux is made of, each with the Flux Kustomization that applies it; the root where there is none. */
  readonly parts: readonly { readonly one: ManifestObject; readonly by: string | undefined }[]
}

/**
 * Finds the HelmRelease of the operator, and that of the FluxInstance or the FluxInstance itself: by chart and kind, not by name or place.
 * @param where what people call the tree
 * @param findings what could not be built of it
 * @throws OperatorError `blocked` where one is missing, or there are several
 */
export function findFluxIn(tree: ClusterTree, where: string, findings: readonly Diagnostic[]): FluxInTree {
  const { placed } = tree
  const releases = placed.filter(({ kind }) => kind === fluxKinds.helmRelease.kind)
  const operators = releases.filter((one) => isOperatorChart(chartOf(one, placed)))
  const charts = releases.filter((one) => isInstanceChart(chartOf(one, placed)))
  const manifests = placed.filter(({ kind }) => kind === fluxKinds.fluxInstance.kind)
  const operator = only(operators, 'HelmRelease of the chart flux-operator', where, findings)
  const instance = only([...charts, ...manifests], 'FluxInstance, nor HelmRelease of the chart flux-instance', where, findings)
  const isPlain = manifests.includes(instance)
  const parts = [operator, instance].map((one) => ({ one, by: appliedBy(one) }))
  const chart = isPlain ? undefined : chartFor(instance, placed)
  return {
    operator: chartFor(operator, placed),
    instance: chart === undefined ? { is: 'manifest', object: parseObject(instance.object) } : { is: 'chart', chart },
    spec: chart === undefined ? at(instance.object, 'spec') : at(chart.values, 'instance'),
    parts,
  }
}

function only(found: readonly ManifestObject[], what: string, where: string, findings: readonly Diagnostic[]): ManifestObject {
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  const [broken] = findings
  if (first === undefined) {
    const why = broken === undefined ? '' : `; ${broken.file}:${broken.line} cannot be built: ${broken.message}`
    throw new OperatorError(`${where} leads to no ${what}${why}`, {
      kind: 'blocked',
      remedy: 'add it to the tree below the path, push, and run again; to see what is there: npx zx scripts/validate.ts DIR',
    })
  }
  const places = found.map((one) => {
    const { file, line } = one.place('metadata', 'name')
    return `${one.kind} ${one.namespace}/${one.name} (${file}:${line})`
  })
  throw new OperatorError(`${where} contains several candidates: ${places.join(', ')}`, {
    kind: 'blocked',
    remedy: 'keep only one of them, push, and run again',
  })
}

/** The address of a HelmRelease's chart; "" where its source is not in the tree. */
function chartOf(release: ManifestObject, placed: readonly ManifestObject[]): string {
  const referred = sourceOf(release, placed, 'spec', 'chartRef')
  if (referred !== undefined) return textAt(referred.object, 'spec', 'url')
  const source = sourceOf(release, placed, 'spec', 'chart', 'spec', 'sourceRef')
  const chart = textAt(release.object, 'spec', 'chart', 'spec', 'chart')
  return source?.kind === 'HelmRepository' ? `${textAt(source.object, 'spec', 'url').replace(/\/$/, '')}/${chart}` : ''
}

function sourceOf(from: ManifestObject, placed: readonly ManifestObject[], ...path: string[]): ManifestObject | undefined {
  const ref = at(from.object, ...path)
  const namespace = textAt(ref, 'namespace') || from.namespace
  return placed.find((one) => one.kind === textAt(ref, 'kind') && one.name === textAt(ref, 'name') && one.namespace === namespace)
}

/** The chart as the rest of bootstrap takes it; a HelmRepository in a registry is read as the OCIRepository that it stands for. */
function chartFor(release: ManifestObject, placed: readonly ManifestObject[]): Omit<Chart, 'tracksDigest'> {
  const { file } = release.place('spec')
  const values = placed.filter((one) => [kinds.configMap.kind, kinds.secret.kind].some((kind) => kind === one.kind))
  const beside = values.filter(({ namespace }) => namespace === release.namespace).map(({ object }) => parseObject(object))
  const referred = sourceOf(release, placed, 'spec', 'chartRef')
  if (referred !== undefined) return findChart([parseObject(release.object), parseObject(referred.object), ...beside], file)
  const source = sourceOf(release, placed, 'spec', 'chart', 'spec', 'sourceRef')
  const spec = at(release.object, 'spec')
  const version = textAt(spec, 'chart', 'spec', 'version')
  const isExact = /^v?\d+\.\d+\.\d+/.test(version)
  const repository = {
    ...fluxKinds.ociRepository,
    metadata: { name: release.name, namespace: release.namespace },
    spec: {
      url: chartOf(release, placed),
      insecure: at(source?.object, 'spec', 'insecure') === true,
      ref: isExact ? { tag: version } : { semver: version === '' ? '*' : version },
    },
  }
  const referring = {
    ...(isFields(release.object) ? release.object : {}),
    spec: { ...(isFields(spec) ? spec : {}), chartRef: { kind: fluxKinds.ociRepository.kind, name: release.name } },
  }
  return findChart([parseObject(referring), parseObject(repository), ...beside], file)
}

/** The Flux Kustomization that leads to an object: of what a ResourceSet makes, the one that applies that. */
function appliedBy(one: ManifestObject): string | undefined {
  const { by } = one
  if (by === undefined) return undefined
  return by.kind === fluxKinds.kustomization.kind ? by.name : appliedBy(by)
}
