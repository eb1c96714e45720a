import { type OwnedObject, findByName } from '../../../ownership/owned-objects.ts'
import { readNamespace } from '../../../ownership/namespace-content.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { getMetadata } from '../../../kubernetes/metadata.ts'
import { kindArgument, kinds, nameOf } from '../../../kubernetes/objects.ts'
import { inParallel } from '../../../base/parallel.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'

/** Those that are still there, each with the same UID object. */
export async function remainingOf(cluster: Cluster, ownedObjects: readonly OwnedObject[]): Promise<OwnedObject[]> {
  const found = await inParallel(ownedObjects, 32, async (one) =>
    (await getMetadata(cluster, one.ref))?.metadata.uid === one.uid ? [one] : [],
  )
  return found.flat()
}

/**
 * Deletes what is proven to be Flux's outside its namespace: roles, bindings, webhooks. What `ownedObjects` names, and what the operator has
 * recreated since, before it was stopped.
 */
export function ensureClusterScopedGone(namespace: string, ownedObjects: readonly OwnedObject[]): Step {
  const known = ownedObjects.filter(({ ref }) => ref.namespace === undefined)
  return ensureGone(
    { id: 'cluster-scoped', title: "Delete the cluster-wide roles, bindings and webhooks that are proven to be Flux's" },
    async (cluster) => [...(await remainingOf(cluster, known)), ...(await findByName(cluster, namespace))],
  )
}

/** Deletes what is proven to be Flux's in its namespace by now, and leaves the namespace and everyone else's objects. */
export function ensureContentGone(namespace: string, ownedObjects: readonly OwnedObject[]): Step {
  return ensureGone(
    { id: 'namespace-content', title: `Delete what is Flux's in the namespace ${namespace}, and keep the namespace` },
    async (cluster) => (await readNamespace(cluster, namespace, ownedObjects)).flux,
    [{ kind: kinds.deployment, query: { namespace } }],
  )
}

function ensureGone(
  step: Pick<Step, 'id' | 'title'>,
  find: (cluster: Cluster) => Promise<readonly OwnedObject[]>,
  watches?: NonNullable<Step['watches']>,
): Step {
  const leftIn = async (cluster: Cluster): Promise<OwnedObject[]> => [
    ...new Map((await find(cluster)).map((one) => [one.uid, one])).values(),
  ]
  return {
    ...step,
    risk: 'destroy',
    async check({ cluster }): Promise<StepStatus> {
      const left = await leftIn(cluster)
      if (left.length === 0) return { is: 'done', detail: 'none is left' }
      return {
        is: 'todo',
        change: `delete ${left.length} ${left.length === 1 ? 'object' : 'objects'}: ${left.map(({ ref }) => nameOf(ref)).join(', ')}`,
        commands: left.map(
          ({ ref }) =>
            `kubectl ${ref.namespace === undefined ? '' : `--namespace ${ref.namespace} `}delete ${kindArgument(ref)} ${ref.name}`,
        ),
        details: left.map(({ ref, by }) => `${nameOf(ref)}: by ${by}`),
      }
    },
    async apply({ cluster }) {
      await inParallel(await leftIn(cluster), 32, ({ ref, uid }) => cluster.remove(ref, { uid }))
    },
    ...(watches === undefined ? {} : { watches }),
  }
}
