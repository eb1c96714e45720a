import { owners } from '../flux/field-managers.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { objectsOfRelease, releaseOf } from '../flux/helm-release.ts'
import { identityOf, inventoryOf } from '../flux/inventory.ts'
import type { FluxObject } from '../flux/object.ts'
import type { FluxObjects } from '../flux/read-objects.ts'
import { appliedBy, isOperator } from '../flux/labels.ts'
import { releaseNames } from '../flux/refs.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { partsOfCli } from './cli-parts.ts'
import type { Part, PartKeeper } from './part.ts'
import { faultyRecord, lostRecord } from './release-records.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * Every object that this Flux consists of, as those say that have installed it: the inventory of the FluxInstance, the Helm releases of the
 * operator and of the FluxInstance, the inventory of the root Kustomization and of those that apply the two HelmReleases. `flux install`
 * keeps no such list.
 */
export async function partsOf(snapshot: Snapshot): Promise<Part[]> {
  const [instance, namespace, { follows }, objects, ofReleases] = await Promise.all([
    snapshot.instance(),
    snapshot.namespace(),
    snapshot.installation(),
    snapshot.objects(),
    partsOfReleases(snapshot),
  ])
  const names = Object.values(releaseNames)
  const appliers = names.flatMap((name) => {
    const labels = objects.byName.get(nameOf({ ...fluxKinds.helmRelease, namespace, name }))?.labels ?? {}
    const [applier, at] = [labels[appliedBy.kustomization.name], labels[appliedBy.kustomization.namespace]]
    return applier === undefined || at !== namespace ? [] : [{ ...fluxKinds.kustomization, namespace, name: applier }]
  })
  const keepers = [...(follows === undefined ? [] : [follows.root]), ...appliers]
  const kustomizations = await Promise.all(
    [...new Map(keepers.map((ref) => [identityOf(ref), ref])).values()].map((ref) => snapshot.get(ref)),
  )
  const lost = follows === undefined ? [] : await appliersOfLost(snapshot, objects, namespace)
  const said = [instance, ...kustomizations, ...lost].flatMap((keeper) => (keeper === undefined ? [] : inventoryIn(keeper)))
  const parts = [...said, ...ofReleases, ...(await partsOfCli(snapshot))]
  return [...new Map(parts.map((part) => [identityWithoutScope(part.ref), part])).values()]
}

/** Those that still say that they have applied a HelmRelease of Flux's which does not exist, and so cannot say who has applied it. */
async function appliersOfLost({ cluster }: Snapshot, { byName, kinds: there }: FluxObjects, namespace: string): Promise<KubeObject[]> {
  const { helmRelease, kustomization } = fluxKinds
  const releases = Object.values(releaseNames).map((name) => nameOf({ ...helmRelease, namespace, name }))
  const lost = releases.filter((name) => !byName.has(name))
  if (lost.length === 0 || !there.has(helmRelease.kind) || !there.has(kustomization.kind)) return []
  const all = await cluster.list(kustomization, { namespace })
  return all.filter((one) => inventoryOf(one).some((ref) => lost.includes(nameOf(ref))))
}

function inventoryIn(keeper: KubeObject): Part[] {
  const own = refOf(keeper)
  return inventoryOf(keeper).map((ref) => ({ ref, by: nameOf(own), keeper: { is: 'flux', ref: own } }))
}

async function partsOfReleases(snapshot: Snapshot): Promise<Part[]> {
  const releases = await releasesOf(snapshot)
  return (await Promise.all(releases.map((release) => deployedRelease(snapshot, release)))).flat()
}

/** The Helm releases of the operator and the FluxInstance, by whatever name: Git's, where what is there does not say. */
async function releasesOf(snapshot: Snapshot): Promise<{ namespace: string; name: string }[]> {
  const [namespace, deployments, instance] = await Promise.all([snapshot.namespace(), snapshot.deployments(), snapshot.instance()])
  const usual = Object.values(releaseNames).map((name) => ({ namespace, name }))
  const said = [deployments.find(isOperator), instance].flatMap((object) => (object === undefined ? [] : (releaseOf(object) ?? [])))
  return [...new Map([...usual, ...said].map((release) => [`${release.namespace}/${release.name}`, release])).values()]
}

/** What Helm has deployed; a release that is still being made may name what does not exist yet. */
async function deployedRelease(snapshot: Snapshot, { namespace, name }: { namespace: string; name: string }): Promise<Part[]> {
  const [secret] = await snapshot.cluster.list(kinds.secret, { namespace, labels: `owner=helm,name=${name},status=deployed` })
  const owner = (await snapshot.objects()).byName.get(nameOf({ ...fluxKinds.helmRelease, namespace, name }))
  if (secret === undefined) return owner === undefined ? [] : lostRecord(owner)
  const keeper = keeperOf(snapshot, { ...fluxKinds.helmRelease, namespace, name }, owner, secret.metadata.labels.version ?? '')
  const objects = objectsOfRelease(secret, namespace)
  const parts = objects.map((ref): Part => ({ ref, by: `Helm release ${namespace}/${name}`, keeper }))
  return owner === undefined ? parts : [...parts, ...faultyRecord(secret, owner, objects.length > 0)]
}

/** Where no HelmRelease keeps it, a rollback to the revision that is deployed recreates what is missing. */
function keeperOf({ where }: Snapshot, ref: Part['ref'], owner: FluxObject | undefined, revision: string): PartKeeper {
  if (owner !== undefined) return { is: 'flux', ref: owner.ref }
  const place = where.replace(/^(--lab )?--context/, '--kube-context')
  return { is: 'person', command: `helm rollback ${ref.name} ${revision} --namespace ${ref.namespace} ${place}` }
}

/** A Helm manifest's cluster-scoped object may have been given the release's namespace. */
function identityWithoutScope(ref: Ref): string {
  const isClusterScoped = /^(Cluster|CustomResourceDefinition|Namespace|.*WebhookConfiguration)/.test(ref.kind)
  const { namespace: _, ...rest } = ref
  return identityOf(isClusterScoped ? rest : ref)
}

/** Whether one of Flux's own appliers keeps the object as it is: fields of others in it are then of no consequence. */
export function isKept({ metadata: { labels } }: KubeObject): boolean {
  return owners.some(([label]) => labels[label] !== undefined)
}

/** The kinds that have a probe of their own for what is missing. */
export function hasOwnProbe(ref: Ref): boolean {
  return ref.kind === 'NetworkPolicy' || saysDeletion(ref)
}

/** Those of them whose probe also says what is being deleted. */
export function saysDeletion({ kind }: Ref): boolean {
  return [kinds.crd, kinds.namespace, kinds.deployment, fluxKinds.fluxInstance].some((own) => own.kind === kind)
}
