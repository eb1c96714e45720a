import { unavailableOf } from '../../../flux/components.ts'
import { findLostPods, type LostPod } from '../../../health/lost-nodes.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { ignoreNotFound } from '../../../kubernetes/client.ts'
import { kinds, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { isSelected } from '../../../kubernetes/selector.ts'
import type { Step } from '../../../runner/step.ts'

/**
 * Has pods on nodes that do not answer replaced now, which Kubernetes does after five minutes. They are deleted as any pod is, and not by
 * force: one that still runs there is replaced all the same, and is gone when its node is back.
 * @param deployments those of Flux
 */
export function ensureLostPodsReplaced(deployments: readonly Ref[], takeSnapshot: () => Snapshot): Step {
  const find = async (): Promise<LostPod[]> => {
    const snapshot = takeSnapshot()
    const [pods, all] = await Promise.all([snapshot.pods(), snapshot.deployments()])
    const own = all.filter(({ metadata }) => deployments.some(({ name }) => name === metadata.name))
    return findLostPods(
      snapshot,
      pods.filter((pod) => own.some((deployment) => isSelected(deployment, pod))),
    )
  }
  return {
    id: 'lost-pods',
    title: 'Have pods on lost nodes replaced',
    risk: 'change',
    async check({ cluster }) {
      const lost = await find()
      if (lost.length > 0) {
        const named = lost.map(({ pod, node, state }) => `${nameOf(refOf(pod))}, on Node ${node}, which ${state}`)
        const commands = lost.map(
          ({ pod: { metadata } }) => `kubectl --namespace ${metadata.namespace} delete pod ${metadata.name} --wait=false`,
        )
        return { is: 'todo', change: `delete ${named.join('; ')}`, commands }
      }
      const waiting = await unavailableOf(cluster, deployments)
      return waiting.length === 0 ? { is: 'done', detail: 'none is left' } : { is: 'waiting', on: waiting.join(', ') }
    },
    async apply({ cluster }) {
      for (const { pod } of await find()) await cluster.remove(refOf(pod), { uid: pod.metadata.uid ?? '' }).catch(ignoreNotFound)
    },
    watches: [kinds.deployment, kinds.pod].map((kind) => ({ kind, query: { namespace: deployments[0]?.namespace ?? '' } })),
  }
}
