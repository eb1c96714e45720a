import * as v from 'valibot'
import { operatorCrds } from '../../../flux/crds.ts'
import { newestRevision } from '../../../flux/helm-release.ts'
import type { FluxThere } from '../../../flux/installations.ts'
import { inventoryOf } from '../../../flux/inventory.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { appliedBy, operatorName } from '../../../flux/labels.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { findOwnedObjects, type OwnedObject } from '../../../ownership/owned-objects.ts'
import type { FormerOwner } from './identities.ts'

/** An operator and its FluxInstance, which are to let go of Flux. */
export interface LeavingOperator {
  readonly instance: KubeObject | undefined
  /** The HelmReleases of Flux's that make the two, as long as they are there. */
  readonly releases: readonly KubeObject[]
  /** The sources of their charts. */
  readonly sources: readonly KubeObject[]
  readonly controllers: readonly KubeObject[]
}

const chartSchema = v.object({
  spec: v.object({ chartRef: v.object({ kind: v.string(), name: v.string(), namespace: v.optional(v.string()) }) }),
})

/** Reads what there is of an operator and its FluxInstance. */
export async function readLeaving(cluster: Cluster, there: FluxThere, namespace: string): Promise<LeavingOperator> {
  const instance = there.instances.find((one) => one.metadata.namespace === namespace)
  const operators = there.operators.filter((one) => one.metadata.namespace === namespace)
  const makers = [instance, ...operators].flatMap((one) => (one === undefined ? [] : (makerOf(one) ?? [])))
  const releases = await present(cluster, makers)
  const sources = await present(
    cluster,
    releases.flatMap((release) => {
      const read = v.safeParse(chartSchema, release)
      if (!read.success || read.output.spec.chartRef.kind !== fluxKinds.ociRepository.kind) return []
      const { name, namespace: at = release.metadata.namespace ?? namespace } = read.output.spec.chartRef
      return [{ ...fluxKinds.ociRepository, namespace: at, name }]
    }),
  )
  const controllers = there.controllers.filter((one) => one.metadata.namespace === namespace)
  return { instance, releases, sources, controllers }
}

function makerOf({ metadata: { labels } }: KubeObject): Ref | undefined {
  const { [appliedBy.helmRelease.name]: name, [appliedBy.helmRelease.namespace]: namespace } = labels
  return name === undefined || namespace === undefined ? undefined : { ...fluxKinds.helmRelease, namespace, name }
}

async function present(cluster: Pick<Cluster, 'get'>, refs: readonly Ref[]): Promise<KubeObject[]> {
  const unique = [...new Map(refs.map((ref) => [nameOf(ref), ref])).values()]
  return (await Promise.all(unique.map((ref) => cluster.get(ref)))).filter((one) => one !== undefined)
}

/** What is to be remembered of it: once the FluxInstance is gone, nothing shows any more what it had applied. */
export async function rememberedOf(
  cluster: Cluster,
  there: FluxThere,
  { instance, releases, sources }: LeavingOperator,
  namespace: string,
): Promise<FormerOwner> {
  const proven = await findOwnedObjects(cluster, namespace, there, await ownCrds(cluster))
  const own = [...there.operators.filter((one) => one.metadata.namespace === namespace), ...sources, ...(await storedOf(cluster, releases))]
  const owned = [...proven, ...own.map(ownedByOperator)]
  return {
    managers: [operatorName],
    installedBy: 'operator',
    applied: instance === undefined ? [] : inventoryOf(instance),
    owned: [...new Map(owned.map((one) => [one.uid, one])).values()],
  }
}

async function ownCrds(cluster: Cluster): Promise<KubeObject[]> {
  return present(
    cluster,
    operatorCrds.map((name) => ({ ...kinds.crd, name })),
  )
}

function ownedByOperator(object: KubeObject): OwnedObject {
  return { ref: refOf(object), uid: object.metadata.uid ?? '', by: 'what the operator needs' }
}

const storageSchema = v.object({ spec: v.object({ releaseName: v.optional(v.string()), storageNamespace: v.optional(v.string()) }) })

/** The Secrets that Helm keeps those releases in. */
async function storedOf(cluster: Cluster, releases: readonly KubeObject[]): Promise<KubeObject[]> {
  const found = await Promise.all(
    releases.map(async (release) => {
      const { releaseName: name = release.metadata.name, storageNamespace: namespace = release.metadata.namespace ?? '' } = v.parse(
        storageSchema,
        release,
      ).spec
      const newest = await newestRevision(cluster, namespace, name)
      return newest === undefined ? [] : cluster.list(kinds.secret, { namespace, labels: `owner=helm,name=${name}` })
    }),
  )
  return found.flat()
}

/** Whether an object of Flux's, or a CustomResourceDefinition, goes with the operator. */
export function leavesWith({ releases, sources }: LeavingOperator): (ref: Ref) => boolean {
  const names = new Set([...releases, ...sources].map((one) => nameOf(refOf(one))))
  return (ref) => names.has(nameOf(ref)) || (ref.kind === kinds.crd.kind && operatorCrds.includes(ref.name))
}
