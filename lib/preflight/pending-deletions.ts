import * as v from 'valibot'
import { appliers } from '../flux/field-managers.ts'
import { isFluxFinalizer } from '../flux/finalizers.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { reconcileAnnotation } from '../flux/annotations.ts'
import { metadataPages } from '../kubernetes/metadata.ts'
import { deletionOf, type Kind, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { blocks, type Finding } from './preflight.ts'
import type { FluxThere } from '../flux/installations.ts'
import { isSuspended } from '../flux/suspension.ts'

/** What a controller of Flux does to what an object has deployed, once the object is deleted. */
interface DeletionEffect {
  readonly kind: Kind
  readonly controller: string
  readonly undoes: string
  /** What makes it remove its finalizer without that. */
  readonly keep: (namespace: string, name: string) => string
}

/** The kinds whose finalizers delete what was deployed; those of sources only clean up storage. */
const undoings: readonly DeletionEffect[] = [
  {
    kind: fluxKinds.kustomization,
    controller: appliers.kustomize,
    undoes: 'prune what it applied',
    keep: (namespace, name) => `flux --namespace ${namespace} suspend kustomization ${name}`,
  },
  {
    kind: fluxKinds.helmRelease,
    controller: appliers.helm,
    undoes: 'uninstall its Helm release',
    keep: (namespace, name) => `flux --namespace ${namespace} suspend helmrelease ${name}`,
  },
  {
    kind: fluxKinds.resourceSet,
    controller: appliers.operator,
    undoes: 'delete what it created',
    keep: (namespace, name) => `kubectl --namespace ${namespace} annotate resourceset ${name} ${reconcileAnnotation}=disabled --overwrite`,
  },
]

const specSchema = v.object({
  spec: v.object({ prune: v.optional(v.boolean(), true), deletionPolicy: v.optional(v.string()) }),
})

/** An object that is being deleted, and who will undo what it deployed. */
export interface PendingDeletion {
  readonly object: KubeObject
  readonly by: DeletionEffect
}

/** `is being deleted since …: kustomize-controller will prune what it applied as soon as it runs`. */
export function describePending({ object, by }: PendingDeletion): string {
  return `${deletionOf(object) ?? ''}: ${by.controller} will ${by.undoes} as soon as it runs`
}

/**
 * What is being deleted while its controller is away: as soon as that runs, it undoes what the object has deployed. A suspended one it lets
 * go without (kustomize-controller, finalizerShouldDeleteResources; helm-controller, reconcileDelete; flux-operator, uninstall).
 */
export async function findPendingDeletions(cluster: Cluster, running: readonly string[]): Promise<PendingDeletion[]> {
  const away = undoings.filter(({ controller }) => !running.includes(controller))
  const found = await Promise.all(
    away.map(async (by) => {
      const objects = await deletedOf(cluster, by.kind)
      return objects.filter(isUndone).map((object) => ({ object, by }))
    }),
  )
  return found.flat()
}

async function deletedOf(cluster: Cluster, kind: Kind): Promise<KubeObject[]> {
  if (!(await cluster.isInstalled(kind))) return []
  const refs = []
  for await (const page of metadataPages(cluster, await cluster.collection(kind, {}), kind)) {
    refs.push(...page.filter(({ metadata }) => metadata.deletionTimestamp !== undefined && metadata.finalizers.some(isFluxFinalizer)))
  }
  const objects = await Promise.all(refs.map((one) => cluster.get(refOf(one))))
  return objects.filter((object) => object !== undefined)
}

function isUndone(object: KubeObject): boolean {
  const { prune, deletionPolicy } = v.parse(specSchema, object).spec
  if (isSuspended(object) || deletionPolicy === 'Orphan') return false
  return prune || ['Delete', 'WaitForTermination'].includes(deletionPolicy ?? '')
}

/** Whether controllers that start would first of all take workloads away, for objects that were deleted while they were gone. */
export async function checkPendingDeletions(
  cluster: Cluster,
  { controllers, operators }: FluxThere,
  namespace: string,
): Promise<Finding[]> {
  const running = [...controllers, ...operators]
    .filter(({ metadata }) => metadata.namespace === namespace && metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
  const pending = await findPendingDeletions(cluster, running)
  return pending.map((one) => {
    const { namespace: home = '', name } = one.object.metadata
    return blocks(`${nameOf(refOf(one.object))} ${describePending(one)}`, `to keep that: ${one.by.keep(home, name)}`)
  })
}
