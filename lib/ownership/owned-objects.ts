import type { Cluster } from '../kubernetes/client.ts'
import { getMetadata } from '../kubernetes/metadata.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../kubernetes/objects.ts'
import { inParallel } from '../base/parallel.ts'
import { isFluxKind } from '../flux/api-groups.ts'
import type { FluxThere } from '../flux/installations.ts'
import { accountsOf, exactNames } from './known-names.ts'
import { newestRevision, objectsOfRelease, releaseOf } from '../flux/helm-release.ts'
import { identityOf, inventoryOf } from '../flux/inventory.ts'
import { appliedBy } from '../flux/labels.ts'

/** An object that is proven to be Flux's, beside its CustomResourceDefinitions and their objects. */
export interface OwnedObject {
  readonly ref: Ref
  readonly uid: string
  /** What proves it. */
  readonly by: string
}

const binding = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' }

/**
 * What was installed with Flux: named by the FluxInstance's inventory or the manifest of the Helm release that brought the operator, and
 * still marked as theirs; or, outside the namespace, of the exact name and content that `flux install` and the operator give. Never by a
 * pattern: someone else's ClusterRole may be called anything.
 */
export async function findOwnedObjects(
  cluster: Cluster,
  namespace: string,
  there: FluxThere,
  crds: readonly KubeObject[],
): Promise<OwnedObject[]> {
  const claimed = new Map<string, { ref: Ref; by: string; isMarked: (live: KubeObject) => boolean }>()
  for (const instance of there.instances) {
    const { name, namespace: at = '' } = instance.metadata
    const isMarked = ({ metadata: { labels } }: KubeObject): boolean =>
      labels[appliedBy.fluxInstance.name] === name && labels[appliedBy.fluxInstance.namespace] === at
    for (const ref of inventoryOf(instance)) claimed.set(identityOf(ref), { ref, by: `the inventory of FluxInstance ${name}`, isMarked })
  }
  for (const name of releasesOf([...there.instances, ...there.controllers, ...there.operators, ...crds], namespace)) {
    const secret = await newestRevision(cluster, namespace, name)
    if (secret === undefined) continue
    const isMarked = (live: KubeObject): boolean => {
      const release = releaseOf(live)
      return release?.name === name && release.namespace === namespace
    }
    for (const ref of objectsOfRelease(secret, namespace)) claimed.set(identityOf(ref), { ref, by: `Helm release ${name}`, isMarked })
  }
  const isApart = ({ ref }: { ref: Ref }): boolean => !isFluxKind(ref) && !hasOwnStep(ref)
  const found = await inParallel([...claimed.values()].filter(isApart), 32, async ({ ref, by, isMarked }): Promise<OwnedObject[]> => {
    const live = await getMetadata(cluster, ref)
    return live?.metadata.uid === undefined || !isMarked(live) ? [] : [{ ref: scoped(ref, live), uid: live.metadata.uid, by }]
  })
  return [...new Map([...(await findByName(cluster, namespace)), ...found.flat()].map((one) => [one.uid, one])).values()]
}

/** What makes up an installation outside the namespace, by exact name and matching content. */
export async function findByName(cluster: Cluster, namespace: string): Promise<OwnedObject[]> {
  const found = await inParallel(exactNames(namespace), 32, async ({ ref, matches }): Promise<OwnedObject[]> => {
    const live = await cluster.get(ref)
    return live?.metadata.uid === undefined || !matches(live) ? [] : [{ ref, uid: live.metadata.uid, by: 'its name and content' }]
  })
  return found.flat()
}

/** CRDs and the namespace have steps of their own. */
function hasOwnStep({ kind }: Ref): boolean {
  return kind === kinds.crd.kind || kind === kinds.namespace.kind
}

/** A manifest may give a cluster-scoped object a namespace. */
function scoped({ apiVersion, kind, name }: Ref, live: KubeObject): Ref {
  const { namespace } = live.metadata
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

function releasesOf(objects: readonly KubeObject[], namespace: string): string[] {
  const releases = objects.flatMap((object) => releaseOf(object) ?? [])
  return [...new Set(releases.filter((release) => release.namespace === namespace).map(({ name }) => name))]
}

/** Bindings of someone's making that hand rights to accounts of the namespace: not Flux's, so they stay, and point nowhere afterwards. */
export async function findOrphanedBindings(cluster: Cluster, namespace: string, ownedObjects: readonly OwnedObject[]): Promise<string[]> {
  const own = new Set(ownedObjects.map(({ uid }) => uid))
  const bindings = await cluster.list(binding)
  return bindings
    .filter((one) => !own.has(one.metadata.uid ?? '') && accountsOf(one, namespace).length > 0)
    .map((one) => `${nameOf({ ...binding, name: one.metadata.name })} (${accountsOf(one, namespace).join(', ')})`)
}
