import { nameOf, refOf } from '../kubernetes/objects.ts'
import { describePending, findPendingDeletions } from '../preflight/pending-deletions.ts'
import type { Judgement } from './assess.ts'
import type { Snapshot } from './snapshot.ts'

/** Objects that are being deleted while their controller is away, which will undo what they deployed once it runs. */
export async function pendingDeletions(snapshot: Snapshot): Promise<ReadonlyMap<string, Judgement>> {
  const [{ all }, deployments] = await Promise.all([snapshot.objects(), snapshot.deployments()])
  if (all.every(({ deletedAt }) => deletedAt === undefined)) return new Map()
  const running = deployments.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name)
  const pending = await findPendingDeletions(snapshot.cluster, running)
  return new Map(
    pending.map((one): [string, Judgement] => [
      nameOf(refOf(one.object)),
      { is: 'fails', cause: 'deletion', reason: describePending(one), since: one.object.metadata.deletionTimestamp ?? '' },
    ]),
  )
}
