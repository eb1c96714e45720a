import * as v from 'valibot'
import { kinds, type KubeObject } from '../kubernetes/objects.ts'
import { conditionsOf } from '../kubernetes/readiness.ts'
import type { Snapshot } from './snapshot.ts'

/** A pod whose node does not answer: nobody knows whether it runs. */
export interface LostPod {
  readonly pod: KubeObject
  readonly node: string
  /** `is not Ready since …`, or `does not exist` */
  readonly state: string
}

const podSchema = v.object({ spec: v.optional(v.object({ nodeName: v.optional(v.string()) }), {}) })

/**
 * Those of these pods that are on a node that does not answer, and are not being deleted. Kubernetes replaces them only after five minutes
 * (tolerationSeconds of node.kubernetes.io/unreachable). Without the right to read nodes, none is found.
 */
export async function findLostPods(snapshot: Pick<Snapshot, 'get' | 'cluster'>, pods: readonly KubeObject[]): Promise<LostPod[]> {
  const found = await Promise.all(
    pods.map(async (pod): Promise<LostPod[]> => {
      const node = v.parse(podSchema, pod).spec.nodeName
      if (node === undefined || pod.metadata.deletionTimestamp !== undefined) return []
      const state = await stateOf(node, snapshot)
      return state === undefined ? [] : [{ pod, node, state }]
    }),
  )
  return found.flat()
}

async function stateOf(name: string, { get, cluster }: Pick<Snapshot, 'get' | 'cluster'>): Promise<string | undefined> {
  try {
    const node = await get({ ...kinds.node, name })
    if (node === undefined) return 'does not exist'
    const ready = conditionsOf(node).find(({ type }) => type === 'Ready')
    return ready === undefined || ready.status === 'True' ? undefined : `is not Ready since ${ready.lastTransitionTime} (${ready.reason})`
  } catch {
    cluster.signal.throwIfAborted()
    return undefined
  }
}
