import type { Cluster } from '../kubernetes/client.ts'
import { type Kind, type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import { type FluxCrd, listControllerCrds } from './crds.ts'
import { conditionsOf } from '../kubernetes/readiness.ts'
import { appliedRevision, attemptedRevision, fetchedRevision } from './revision.ts'
import { isSuspended } from './suspension.ts'

export function kindOf({ group, storage, kind }: FluxCrd): Kind {
  return { apiVersion: `${group}/${storage}`, kind }
}

/** Every object of Flux's controllers, of all kinds and namespaces, in the version it is stored in. */
export async function listFluxObjects(cluster: Cluster, crds: readonly FluxCrd[]): Promise<KubeObject[]> {
  return (await Promise.all(crds.map((crd) => cluster.list(kindOf(crd))))).flat()
}

/** How an object of Flux is: some kinds, as Alerts, have no Ready condition and are never anything else. */
export type FluxHealth =
  | { readonly is: 'ready'; readonly revision: string }
  | { readonly is: 'suspended' | 'without' }
  /** `attempted` is the revision that it was last tried with; empty where it has none. */
  | { readonly is: 'unready'; readonly reason: string; readonly message: string; readonly attempted: string }

/** The health of each object, by its name. */
export function healthOf(objects: readonly KubeObject[]): Map<string, FluxHealth> {
  return new Map(
    objects.map((object): [string, FluxHealth] => {
      const name = nameOf(refOf(object))
      const ready = conditionsOf(object).find(({ type }) => type === 'Ready')
      if (isSuspended(object)) return [name, { is: 'suspended' }]
      if (ready === undefined) return [name, { is: 'without' }]
      if (ready.status !== 'True') {
        return [name, { is: 'unready', reason: ready.reason ?? '', message: ready.message ?? '', attempted: attemptedRevision(object) }]
      }
      return [name, { is: 'ready', revision: fetchedRevision(object) || appliedRevision(object) }]
    }),
  )
}
/** The objects of a cluster's Flux that are not Ready now though nobody suspended them: their names, and why. */
export async function unreadyObjects(cluster: Cluster): Promise<{ readonly name: string; readonly reported: string }[]> {
  const health = healthOf(await listFluxObjects(cluster, await listControllerCrds(cluster)))
  return [...health].flatMap(([name, is]) => (is.is === 'unready' ? [{ name, reported: `${name}: ${is.reason}: ${is.message}` }] : []))
}
