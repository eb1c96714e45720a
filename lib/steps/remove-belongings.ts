import type { Belonging } from '../belongings/belongings.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { getMetadata } from '../cluster/metadata.ts'
import { kinds, nameOf } from '../cluster/objects.ts'
import { inParallel } from '../parallel.ts'
import type { Look, Step } from '../step.ts'

/** Those that are still there, each the very same object. */
export async function remainingOf(cluster: Cluster, belongings: readonly Belonging[]): Promise<Belonging[]> {
  const found = await inParallel(belongings, 32, async (one) =>
    (await getMetadata(cluster, one.ref))?.metadata.uid === one.uid ? [one] : [],
  )
  return found.flat()
}

/** Deletes what is proven to be Flux's outside its namespace: roles, bindings, webhooks. */
export function ensureClusterScopedGone(belongings: readonly Belonging[]): Step {
  return ensureGone(
    { id: 'cluster-scoped', title: "Delete the cluster-wide roles, bindings and webhooks that are proven to be Flux's" },
    belongings.filter(({ ref }) => ref.namespace === undefined),
  )
}

/** Deletes what is proven to be Flux's in its namespace, and leaves the namespace and everybody else's objects. */
export function ensureContentGone(namespace: string, belongings: readonly Belonging[]): Step {
  return ensureGone(
    { id: 'namespace-content', title: `Delete what is Flux's in the namespace ${namespace}, and keep the namespace` },
    belongings.filter(({ ref }) => ref.namespace === namespace),
    [{ kind: kinds.deployment, query: { namespace } }],
  )
}

function ensureGone(step: Pick<Step, 'id' | 'title'>, belongings: readonly Belonging[], watches?: NonNullable<Step['watches']>): Step {
  return {
    ...step,
    risk: 'destroy',
    async look({ cluster }): Promise<Look> {
      const left = await remainingOf(cluster, belongings)
      if (left.length === 0) return { is: 'done', detail: 'none is left' }
      return {
        is: 'todo',
        change: `delete ${left.length} objects: ${left.map(({ ref }) => nameOf(ref)).join(', ')}`,
        commands: left.map(
          ({ ref }) => `kubectl ${ref.namespace === undefined ? '' : `--namespace ${ref.namespace} `}delete ${ref.kind} ${ref.name}`,
        ),
        details: left.map(({ ref, by }) => `${nameOf(ref)}: by ${by}`),
      }
    },
    async act({ cluster }) {
      await inParallel(await remainingOf(cluster, belongings), 32, ({ ref, uid }) => cluster.remove(ref, { uid }))
    },
    ...(watches === undefined ? {} : { watches }),
  }
}
