import type { OwnedObject } from '../../../ownership/owned-objects.ts'
import type { HeldObject } from '../../../flux/held-objects.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { ApiError } from '../../../kubernetes/http.ts'
import { kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import { messageOf } from '../../../base/errors.ts'
import { ownFile } from '../../../base/paths.ts'
import { shellQuote } from '../../../base/shell-line.ts'
import { type Finding, notice } from '../../../preflight/preflight.ts'
import { shippedRole } from '../../../preflight/rights.ts'

/** What a teardown will do, one object of each kind standing for all. */
export interface ToDelete {
  readonly crds: readonly KubeObject[]
  readonly namespace: KubeObject | undefined
  readonly ownedObjects: readonly OwnedObject[]
  readonly held: readonly HeldObject[]
  readonly deployments: readonly KubeObject[]
}

/** Whether each kind of object may be deleted, each kind of Flux's changed, and the controllers stopped: the API is asked to, in a dry run. */
export async function checkDeletable(cluster: Cluster, { crds, namespace, ownedObjects, held, deployments }: ToDelete): Promise<Finding[]> {
  const whole = [...crds, ...(namespace === undefined ? [] : [namespace])].map((object) => ({
    ref: refOf(object),
    uid: object.metadata.uid ?? '',
  }))
  const deletions = onePerKind([...whole, ...ownedObjects]).map(({ ref, uid }) =>
    tried(ref, 'delete', () => cluster.remove(ref, { uid, dryRun: true })),
  )
  const strips = onePerKind(held).map(({ ref }) =>
    tried(ref, 'remove the finalizers of', () => cluster.patch(ref, { metadata: { finalizers: null } }, undefined, { dryRun: true })),
  )
  const stops = onePerKind(deployments.map((object) => ({ ref: refOf(object) }))).map(({ ref }) =>
    tried(ref, 'stop', () => cluster.patch(ref, { spec: { replicas: 0 } }, undefined, { dryRun: true })),
  )
  return (await Promise.all([...deletions, ...strips, ...stops])).flat()
}

function onePerKind<T extends { readonly ref: Ref }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [`${item.ref.apiVersion} ${item.ref.kind}`, item])).values()]
}

async function tried(ref: Ref, what: string, dryRun: () => Promise<unknown>): Promise<Finding[]> {
  try {
    await dryRun()
    return []
  } catch (error) {
    const reported = `the API does not allow this user to ${what} ${nameOf(ref)}: ${messageOf(error)}`
    if (!(error instanceof ApiError) || error.status === 0) throw error
    if (error.status === 404 || error.status === 409) return [] // gone, or recreated: each step looks again
    if (error.status === 403)
      return [
        {
          is: 'refused',
          what: reported,
          remedy: `an administrator of the cluster: kubectl apply -f ${shellQuote(ownFile(shippedRole.file))}`,
        },
      ]
    // A webhook that was not made for dry runs refuses them all.
    if (/dry ?run/i.test(error.message)) return [notice(`whether ${nameOf(ref)} may be changed could not be tested: ${error.message}`)]
    return [{ is: 'blocks', what: reported, remedy: kubectlCall('describe', ref) }]
  }
}
