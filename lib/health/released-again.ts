import type { Cluster } from '../kubernetes/client.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { parseDuration, showDuration } from '../base/duration.ts'
import { type Suspect, tooMany } from './changes.ts'
import type { FluxObject, HistoryEntry } from '../flux/object.ts'
import { newestCause } from './newest-cause.ts'
import type { Snapshot } from './snapshot.ts'

const minute = 60_000
/** A release longer ago than this ends a series of them, in milliseconds. */
const recently = 15 * minute

/** HelmReleases that release the same again and again, and have not long ago. */
export async function findReleasedAgain({ cluster, objects, now }: Pick<Snapshot, 'cluster' | 'objects' | 'now'>): Promise<Suspect[]> {
  const { all, byName } = await objects()
  const releases = all.filter(({ ref }) => ref.kind === fluxKinds.helmRelease.kind)
  const series = releases.flatMap((release) => {
    const again = sameAgain(release.history)
    return again.length >= tooMany && now - deployedAt(again[0]) <= recently ? [{ release, again }] : []
  })
  const found = await Promise.all(
    series.map(({ release, again }) => judge(cluster, release, again, { source: byName.get(release.source ?? ''), now })),
  )
  return found.flat()
}

function deployedAt(entry: HistoryEntry | undefined): number {
  return Date.parse(entry?.lastDeployed ?? '')
}

/** Whether there was no reason for the same releases of it. */
async function judge(
  cluster: Cluster,
  { name, ref, interval, attempt }: FluxObject,
  again: readonly HistoryEntry[],
  { source, now }: { readonly source: FluxObject | undefined; readonly now: number },
): Promise<Suspect[]> {
  const [first, last] = [deployedAt(again.at(-1)), deployedAt(again[0])]
  const newest = (): Promise<number> => newestCause(cluster, ref, source?.ref)
  const cause = await newest()
  if (last <= cause + attempt + minute) return []
  const what = `released chart ${again[0]?.chartVersion} with the same values ${again.length} times in ${showDuration(now - first)}`
  const every = parseDuration(interval) ?? minute
  return [{ object: name, by: name, doer: ref, what, first, interval: every, cause, newestCause: newest, isUnprovoked: first >= cause }]
}

/**
 * The newest successful releases, as far back as chart and values are the same: what goes to another version and comes back has a
 * reason for each. What failed is tried again, which is not a circle.
 */
export function sameAgain(history: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const succeeded = history.filter(({ status }) => status === 'deployed' || status === 'superseded')
  const other = succeeded.findIndex(
    ({ chartVersion, configDigest }) => chartVersion !== succeeded[0]?.chartVersion || configDigest !== succeeded[0].configDigest,
  )
  return other === -1 ? succeeded : succeeded.slice(0, other)
}
