import { messageOf } from '../base/errors.ts'
import { ownFile } from '../base/paths.ts'
import { shellQuote } from '../base/shell-line.ts'
import type { Cluster } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/http.ts'
import { kubectlCall, nameOf, type Ref } from '../kubernetes/objects.ts'
import { type Finding, notice } from './preflight.ts'
import { shippedRole } from './rights.ts'

/** Whether each kind of object may be deleted. */
export async function triedDeletions(
  cluster: Cluster,
  objects: readonly { readonly ref: Ref; readonly uid: string }[],
): Promise<Finding[]> {
  const found = await Promise.all(
    onePerKind(objects).map(({ ref, uid }) => tried(ref, 'delete', () => cluster.remove(ref, { uid, dryRun: true }))),
  )
  return found.flat()
}

/** The last of each kind, which stands for all. */
export function onePerKind<T extends { readonly ref: Ref }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [`${item.ref.apiVersion} ${item.ref.kind}`, item])).values()]
}

/**
 * Asks the API for a change in a dry run: its answer is that of admission policies too.
 * @param what is tried, as people say it
 */
export async function tried(ref: Ref, what: string, dryRun: () => Promise<unknown>): Promise<Finding[]> {
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
