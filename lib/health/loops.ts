import { findSuspects, type Suspect } from './changes.ts'
import { watchSuspects } from './ongoing-writes.ts'
import { findReleasedAgain } from './released-again.ts'
import type { Snapshot } from './snapshot.ts'

/** What of a snapshot shows it. */
type Changes = Pick<Snapshot, 'cluster' | 'now' | 'objects' | 'instance'>

/** What reconciles every minute is worth the wait. */
export function isFrequent({ interval }: Suspect): boolean {
  return interval <= 60_000
}

/** All that may go round in a circle, by what one reading can tell. */
export async function findAllSuspects(snapshot: Changes): Promise<readonly Suspect[]> {
  return (await Promise.all([findSuspects(snapshot), findReleasedAgain(snapshot)])).flat()
}

/**
 * What keeps changing without a cause, and what may. Those who look often are watched for as long as that takes; of the others only what
 * has happened since the newest cause is known.
 */
export async function findLoops(
  snapshot: Changes,
): Promise<{ readonly ongoing: readonly Suspect[]; readonly perhaps: readonly Suspect[] }> {
  const suspects = await findAllSuspects(snapshot)
  const often = suspects.filter(isFrequent)
  const seldom = suspects.filter((suspect) => !isFrequent(suspect))
  const within = Math.max(...often.map(({ interval }) => interval)) + 10_000
  const seen = often.length === 0 ? [] : await watchSuspects(snapshot.cluster, often, { writes: 1, within })
  return {
    ongoing: [...seen, ...seldom.filter(({ isUnprovoked }) => isUnprovoked)],
    perhaps: seldom.filter(({ isUnprovoked }) => !isUnprovoked),
  }
}
