import { fluxGroups } from '../../flux/api-groups.ts'
import { readFluxCrds } from '../../flux/crds.ts'
import { type FluxThere, readFlux } from '../../flux/installations.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { type Kind, kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { createPreflight } from '../../preflight/preflight.ts'
import { checkRights } from '../../preflight/rights.ts'
import { judgeHolders } from './verify-finalizers.ts'
import { heldIn, type TerminatingCrd, terminatingIn } from './steps/remove-crd-finalizers.ts'

/**
 * The CustomResourceDefinitions of Flux that are being deleted while nothing of Flux runs. Their objects are deleted because their kind is, by
 * no one's decision on each: a controller that comes back would undo what they have deployed all the same.
 * @param isStopped that an earlier step stops what runs
 */
export async function readTerminatingCrds(cluster: Cluster, isStopped: boolean): Promise<readonly TerminatingCrd[]> {
  const terminating = terminatingIn(await readFluxCrds(cluster))
  return terminating.length === 0 || (!isStopped && isRunning(await readFlux(cluster))) ? [] : terminating
}

function isRunning({ controllers, operators }: FluxThere): boolean {
  return [...controllers, ...operators].some(({ metadata }) => metadata.deletionTimestamp === undefined)
}

/**
 * Makes sure, before anything is changed, that they go once Flux's finalizers are off their objects.
 * @throws OperatorError `blocked` with every object that someone else's finalizer holds
 */
export async function verifyCrdFinalizers(cluster: Cluster, crds: readonly TerminatingCrd[]): Promise<void> {
  const preflight = createPreflight(cluster.signal)
  await preflight.check(
    () =>
      checkRights(
        cluster,
        fluxGroups.map((group) => ({ group, resource: '*', verbs: ['get', 'list', 'patch'] })),
      ),
    async () => {
      const held = await heldIn(cluster, crds)
      return judgeHolders(
        held.map(({ ref, foreign }) => ({ ref, finalizers: foreign })),
        "is held by a finalizer that is not Flux's, and holds the definition of its kind",
      )
    },
  )
  preflight.conclude()
}

/** The cluster as looks will find it once these definitions are gone, with their objects. */
export function withoutCrds(cluster: Cluster, crds: readonly TerminatingCrd[]): Cluster {
  if (crds.length === 0) return cluster
  const names = crds.map(({ name }) => name)
  const isGone = ({ apiVersion, kind }: Kind): boolean => crds.some((crd) => crd.kind === kind && apiVersion.startsWith(`${crd.group}/`))
  const isThere = ({ kind, metadata }: KubeObject): boolean => kind !== kinds.crd.kind || !names.includes(metadata.name)
  return {
    ...cluster,
    get: async (ref) => (isGone(ref) || (ref.kind === kinds.crd.kind && names.includes(ref.name)) ? undefined : cluster.get(ref)),
    list: async (kind, query) => (isGone(kind) ? [] : (await cluster.list(kind, query)).filter(isThere)),
    isInstalled: async (kind) => !isGone(kind) && cluster.isInstalled(kind),
    async collection(kind, query) {
      if (kind.kind !== kinds.crd.kind) return cluster.collection(kind, query)
      const others = [...(query.fields === undefined ? [] : [query.fields]), ...names.map((name) => `metadata.name!=${name}`)].join(',')
      return cluster.collection(kind, { ...query, fields: others })
    },
  }
}
