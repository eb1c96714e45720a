import * as v from 'valibot'
import { ownAt } from '../base/json-object.ts'
import { order } from '../base/version.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { listMetadata } from '../kubernetes/metadata.ts'
import { kinds, type KubeObject } from '../kubernetes/objects.ts'
import { apiGroups, groupOfCrd, isControllerGroup, isFluxGroup } from './api-groups.ts'
import { inventoryOf } from './inventory.ts'
import { fluxSelector } from './labels.ts'
import { isTrue } from '../kubernetes/readiness.ts'

/** The metadata of Flux's and its operator's CustomResourceDefinitions. */
export async function listFluxCrds(cluster: Cluster): Promise<readonly KubeObject[]> {
  return (await listCrds(cluster)).flux
}

/** Those of Flux, and others that use its domain but are someone else's, as contrib's. */
export async function listCrds(cluster: Cluster): Promise<{ flux: readonly KubeObject[]; foreign: readonly KubeObject[] }> {
  const { objects } = await listMetadata(cluster, await cluster.collection(kinds.crd, {}), kinds.crd)
  const flux = objects.filter(({ metadata }) => isFluxGroup(groupOfCrd(metadata.name)))
  const others = objects.filter((crd) => !flux.includes(crd))
  const foreign = others.filter(({ metadata }) => groupOfCrd(metadata.name).endsWith('.fluxcd.io'))
  return { flux, foreign }
}
/** A CustomResourceDefinition of Flux: which versions of its API there are, and in which its objects are stored. */
export interface FluxCrd {
  readonly name: string
  readonly kind: string
  readonly group: string
  readonly versions: readonly string[]
  readonly served: readonly string[]
  readonly storage: string
  readonly stored: readonly string[]
  readonly isEstablished: boolean
}
const crdSchema = v.object({
  spec: v.object({
    group: v.string(),
    names: v.object({ kind: v.string() }),
    versions: v.array(v.object({ name: v.string(), served: v.boolean(), storage: v.boolean() })),
  }),
  status: v.optional(v.object({ storedVersions: v.optional(v.array(v.string()), []) }), {}),
})
/** The CustomResourceDefinitions of Flux's controllers; the operator's own are not among them. */
export async function listControllerCrds(cluster: Cluster): Promise<FluxCrd[]> {
  const crds = (await cluster.list(kinds.crd)).filter(({ metadata }) => isControllerGroup(groupOfCrd(metadata.name)))
  return crds.map((crd) => {
    const { spec, status } = v.parse(crdSchema, crd)
    const { group, names, versions } = spec
    return {
      name: crd.metadata.name,
      kind: names.kind,
      group,
      versions: versions.map(({ name }) => name),
      served: versions.filter(({ served }) => served).map(({ name }) => name),
      storage: versions.find(({ storage }) => storage)?.name ?? '',
      stored: status.storedVersions ?? [],
      isEstablished: isTrue(crd, 'Established'),
    }
  })
}
/** The names of the CRDs that the operator has applied for a FluxInstance; none where it has applied nothing, or there is no instance. */
export function installedCrds(instance: KubeObject | undefined): string[] {
  return instance === undefined ? [] : inventoryOf(instance).flatMap(({ kind, name }) => (kind === kinds.crd.kind ? [name] : []))
}
/**
 * Those that another version of Flux changes: a CRD that is left of a component which this Flux does not have, as image automation, stays as
 * it is.
 */
export function changedWith(instance: KubeObject, crds: readonly FluxCrd[]): readonly FluxCrd[] {
  const installed = installedCrds(instance)
  return installed.length === 0 ? crds : crds.filter(({ name }) => installed.includes(name))
}
/** The FluxInstance's. */
export const instanceCrd = `fluxinstances.${apiGroups.operator}`
/** The operator's own, which carry no label to ask for them by. */
export const operatorCrds = ['fluxinstances', 'fluxreports', 'resourcesets', 'resourcesetinputproviders'].map(
  (plural) => `${plural}.${apiGroups.operator}`,
)
/** The CRDs of Flux and its operator: asked for by label and name, since all of a cluster's may be many megabytes. */
export async function readFluxCrds(cluster: Cluster): Promise<KubeObject[]> {
  const [labelled, ...named] = await Promise.all([
    cluster.list(kinds.crd, { labels: fluxSelector }),
    ...operatorCrds.map((name) => cluster.get({ ...kinds.crd, name })),
  ])
  // Anyone who installed Flux may have left the label out: then only the names of all tell.
  const brought = labelled.length > 0 ? labelled : await readUnlabelled(cluster)
  const others = brought.filter(({ metadata }) => !operatorCrds.includes(metadata.name))
  return [...others, ...named.filter((crd) => crd !== undefined)]
}

async function readUnlabelled(cluster: Cluster): Promise<KubeObject[]> {
  const found = await listFluxCrds(cluster)
  const read = await Promise.all(found.map(({ metadata: { name } }) => cluster.get({ ...kinds.crd, name })))
  return read.filter((crd) => crd !== undefined)
}

/** The CRDs that each controller brings, in whatever version of Flux, without those that only some versions have. */
const pluralsOf: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'source-controller': [apiGroups.source, 'gitrepositories', 'ocirepositories', 'helmrepositories', 'helmcharts', 'buckets'],
  'kustomize-controller': [apiGroups.kustomize, 'kustomizations'],
  'helm-controller': [apiGroups.helm, 'helmreleases'],
  'notification-controller': [apiGroups.notification, 'alerts', 'providers', 'receivers'],
  'image-reflector-controller': [apiGroups.image, 'imagerepositories', 'imagepolicies'],
  'image-automation-controller': [apiGroups.image, 'imageupdateautomations'],
  'source-watcher': [apiGroups.sourceExtensions, 'artifactgenerators'],
}

/** The names of the CRDs that come with these controllers in this version of Flux, as far as it is known. */
export function crdsOf(controllers: readonly string[], version: string | undefined): string[] {
  const named = controllers.flatMap((controller) => {
    const [group, ...plurals] = ownAt(pluralsOf, controller) ?? ['']
    return plurals.map((plural) => `${plural}.${group}`)
  })
  // source-controller brings it since then (fluxcd/source-controller v1.7.0).
  const hasArtifacts = controllers.includes('source-controller') && version !== undefined && order(version, '2.7.0') >= 0
  return hasArtifacts ? [...named, `externalartifacts.${apiGroups.source}`] : named
}
