import { foreignFinalizers, type FinalizerHolder } from '../../flux/finalizers.ts'
import { readHolders } from '../../ownership/namespace-content.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf, kubectlCall } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { fluxGroups } from '../../flux/api-groups.ts'
import { blocks, createPreflight, type Finding } from '../../preflight/preflight.ts'
import { checkRights, type Right } from '../../preflight/rights.ts'

/**
 * Makes sure, before anything is changed, that the namespace goes once Flux's finalizers are off.
 * @throws OperatorError `blocked` with every object that someone else's finalizer holds there
 */
export async function verifyNamespaceFinalizers(cluster: Cluster, namespace: string, lockNamespace: string): Promise<void> {
  const preflight = createPreflight(cluster.signal)
  await preflight.check(
    () => checkRights(cluster, rights(namespace)),
    async () => judgeHolders(await holdersOf(cluster, namespace)),
    () => judgeLock(namespace, lockNamespace),
  )
  preflight.conclude()
}

/**
 * Makes sure, before anything is changed, that a FluxInstance that is being deleted goes once its operator's finalizer is off.
 * @throws OperatorError `blocked` where someone else's finalizer holds it
 */
export async function verifyInstanceFinalizers(cluster: Cluster, instance: KubeObject): Promise<void> {
  const preflight = createPreflight(cluster.signal)
  const { finalizers } = instance.metadata
  await preflight.check(() => judgeHolders([{ ref: refOf(instance), finalizers }], "is held by a finalizer that is not Flux's"))
  preflight.conclude()
}

async function holdersOf(cluster: Cluster, name: string): Promise<FinalizerHolder[]> {
  const ref: Ref = { ...kinds.namespace, name }
  const [live, inside] = await Promise.all([cluster.get(ref), readHolders(cluster, name)])
  return [{ ref, finalizers: live?.metadata.finalizers ?? [] }, ...inside]
}

/** What only someone else can let go: who put a finalizer there wanted to do something first, and may not have. */
export function judgeHolders(
  holders: readonly FinalizerHolder[],
  state = "is held by a finalizer that is not Flux's, and holds the namespace",
): Finding[] {
  return holders.flatMap((holder) => {
    const foreign = foreignFinalizers(holder)
    if (foreign.length === 0) return []
    const { ref } = holder
    return [
      blocks(
        `${nameOf(ref)} ${state}: ${foreign.join(', ')}`,
        `let its owner finish; if the owner no longer exists: ${kubectlCall('edit', ref)}, and remove it from metadata.finalizers`,
      ),
    ]
  })
}

function judgeLock(namespace: string, lockNamespace: string): Finding[] {
  if (lockNamespace !== namespace) return []
  return [
    blocks(
      `LOCK_NAMESPACE is ${namespace}, which is being deleted: no lock can be taken in it`,
      'name another one in LOCK_NAMESPACE (.env.example)',
    ),
  ]
}

/** Beside what a bootstrap asks of the API. */
function rights(namespace: string): Right[] {
  return [
    { group: '*', resource: '*', verbs: ['list'] },
    { group: 'apps', resource: 'deployments', verbs: ['watch', 'patch'], namespace },
    { group: '', resource: 'pods', verbs: ['list', 'watch', 'delete'], namespace },
    { group: '', resource: 'namespaces', verbs: ['get', 'watch', 'patch'] },
    ...fluxGroups.map((group) => ({ group, resource: '*', verbs: ['get', 'list', 'patch'] })),
  ]
}

/** The cluster as looks will find it once the namespace is gone, with all that is in it. */
export function withoutNamespace(cluster: Cluster, namespace: string): Cluster {
  const isThere = ({ metadata }: KubeObject): boolean => metadata.namespace !== namespace
  return {
    ...cluster,
    async get(ref) {
      const isGone = ref.namespace === namespace || (ref.kind === kinds.namespace.kind && ref.name === namespace)
      return isGone ? undefined : cluster.get(ref)
    },
    list: async (kind, query) => (await cluster.list(kind, query)).filter(isThere),
    async collection(kind, query) {
      const isEverywhere = query.namespace === undefined && (await cluster.isNamespaced(kind))
      const others = [...(query.fields === undefined ? [] : [query.fields]), `metadata.namespace!=${namespace}`].join(',')
      return cluster.collection(kind, isEverywhere ? { ...query, fields: others } : query)
    },
  }
}

/** The cluster as looks will find it once the FluxInstance is gone. */
export function withoutInstance(cluster: Cluster): Cluster {
  const isInstance = ({ kind }: { kind: string }): boolean => kind === fluxKinds.fluxInstance.kind
  return {
    ...cluster,
    get: async (ref) => (isInstance(ref) ? undefined : cluster.get(ref)),
    list: async (kind, query) => (isInstance(kind) ? [] : cluster.list(kind, query)),
  }
}
