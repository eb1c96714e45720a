import { ApiError } from '../kubernetes/http.ts'
import { dataVersion, isBefore } from '../kubernetes/resource-version.ts'
import type { Session } from '../connection/session.ts'
import type { Target } from '../connection/target.ts'
import { knownCluster, recordCluster } from './run-store.ts'

type Place = { readonly session: Pick<Session, 'cluster' | 'cleanupClient' | 'uid'>; readonly target: Pick<Target, 'runs' | 'context'> }

/** Remembers how far the cluster's data had come when a run succeeded, if something was ever changed there. */
export async function recordDataVersion({ session, target }: Place): Promise<void> {
  const known = knownCluster(target.runs, target.context)
  // Asked by the client that nobody can cancel: all is done, and the run does not fail for it.
  const version = known?.uid === session.uid ? await dataVersion(session.cleanupClient).catch(() => undefined) : undefined
  if (known === undefined || version === undefined || version === known.dataVersion) return
  recordCluster(target.runs, target.context, { ...known, dataVersion: version })
}

/** What a cluster's data is now, and was before. */
export interface OlderData {
  readonly now: string
  readonly before: string
}

/**
 * Whether the cluster's data is older than when the last run here ended: then etcd was restored from a backup, since nothing else takes a
 * version of it back. undefined where it is not, no run has remembered it, or the user may not list namespaces.
 */
export async function findOlderData({ session, target }: Place): Promise<OlderData | undefined> {
  const known = knownCluster(target.runs, target.context)
  if (known?.dataVersion === undefined || known.uid !== session.uid) return undefined
  // Who may not list namespaces can know all else of Flux's health.
  const now = await dataVersion(session.cluster).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  })
  return now !== undefined && isBefore(now, known.dataVersion) ? { now, before: known.dataVersion } : undefined
}
