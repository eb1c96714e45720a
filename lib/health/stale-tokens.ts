import * as v from 'valibot'
import { controllerNames, runsController } from '../flux/components.ts'
import { kinds, type KubeObject, type Ref, refOf } from '../kubernetes/objects.ts'
import { ownersOf } from '../kubernetes/owners.ts'
import type { Snapshot } from './snapshot.ts'

/** A pod that was created before the ServiceAccount it runs as. */
export interface StalePod {
  readonly ref: Ref
  readonly uid: string
  readonly account: string
  /** When the account was created, RFC 3339. */
  readonly since: string
}

const podSchema = v.object({ spec: v.object({ serviceAccountName: v.optional(v.string(), 'default') }) })

/**
 * The pods whose ServiceAccount was deleted and created again: a token names the account's UID, so the API answers them Unauthorized, and
 * they stay up and do nothing until they start again. Only pods of Flux and its operator count, and none that nothing would create again.
 */
export async function findStalePods({ metadata }: Pick<Snapshot, 'metadata'>, pods: readonly KubeObject[]): Promise<StalePod[]> {
  const found = await Promise.all(
    pods.filter(isOfFlux).map(async (pod): Promise<StalePod[]> => {
      const { namespace, creationTimestamp, deletionTimestamp, uid } = pod.metadata
      if (namespace === undefined || uid === undefined || deletionTimestamp !== undefined || ownersOf(pod).length === 0) return []
      const account = v.parse(podSchema, pod).spec.serviceAccountName
      const since = (await metadata({ ...kinds.serviceAccount, namespace, name: account }))?.metadata.creationTimestamp ?? ''
      return Date.parse(creationTimestamp ?? '') < Date.parse(since) ? [{ ref: refOf(pod), uid, account, since }] : []
    }),
  )
  return found.flat()
}

function isOfFlux(pod: KubeObject): boolean {
  return [...controllerNames, 'flux-operator'].some((name) => runsController(pod, name))
}
