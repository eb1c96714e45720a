import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '../../../kubernetes/client.ts'
import type { Ref } from '../../../kubernetes/objects.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { attemptedRevision, fetchedRevision } from '../../../flux/revision.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import { OperatorError } from '../../../base/errors.ts'
import type { Suspect } from '../../../health/changes.ts'
import { writeReader } from '../../../health/ongoing-writes.ts'
import type { StepContext } from '../../../runner/step.ts'

/** What the sources have that may bring a fix; empty where none has anything. */
export async function revisionFollowed(cluster: Cluster, sources: readonly Ref[]): Promise<string> {
  const revisions = await Promise.all(sources.map(async (source) => fetchedRevision(await cluster.get(source))))
  return revisions.filter((revision) => revision !== '').join(', ')
}

/** Whether any source has something now that none of them had before; one that has just lost its artifact brings no fix. */
export function hasMoved(before: string, now: string): boolean {
  const known = before.split(', ')
  return now.split(', ').some((revision) => revision !== '' && !known.includes(revision))
}

/** The longest that one may take to do what it is asked, in milliseconds. */
const patience = 2 * 60_000

/** How often they are watched again because a commit came meanwhile. */
const trials = 3

/**
 * Has all of them reconcile in turn, thrice: twice, so that what a commit has changed is settled, and once to see whether they still write
 * to what they had fought over. What they write because of a commit that came meanwhile proves nothing: then once more.
 */
export async function loopContinues(
  run: StepContext,
  doers: readonly Ref[],
  changes: readonly Pick<Suspect, 'object' | 'by' | 'doer'>[],
): Promise<boolean> {
  const { cluster } = run
  const readers = await Promise.all(changes.map((change) => writeReader(cluster, change)))
  const stamps = async (): Promise<string> => JSON.stringify(await Promise.all(readers.map((read) => read())))
  const reconcileAll = async (): Promise<void> => {
    for (const ref of doers) await reconcile(run, ref)
  }
  await reconcileAll()
  await reconcileAll()
  for (let trial = 0; trial < trials; trial++) {
    const given = await givenTo(cluster, doers)
    const before = await stamps()
    await pause(1000, undefined, { signal: cluster.signal }) // the API records only to the second when a field was written
    await reconcileAll()
    const after = await stamps()
    if ((await givenTo(cluster, doers)) === given) return after !== before
  }
  return false // one commit after the other explains all of it
}

/** What they apply: their own definition, and the revision of what it refers to. */
async function givenTo(cluster: Cluster, doers: readonly Ref[]): Promise<string> {
  const objects = await Promise.all(doers.map((ref) => cluster.get(ref)))
  return JSON.stringify(objects.map((object) => (object === undefined ? [] : [object.metadata.generation, attemptedRevision(object)])))
}

async function reconcile({ cluster, timeout }: StepContext, ref: Ref): Promise<void> {
  if ((await cluster.get(ref)) === undefined) return // fixed by taking it out of Git
  await requestReconcile(cluster, ref)
  await waitUntil(cluster, {
    watches: [{ kind: ref, query: { namespace: ref.namespace ?? '' } }],
    timeout: Math.min(timeout, patience),
    check: () => cluster.get(ref),
    isOver: (object) => object === undefined || (!isRequested(object) && readinessOf(object).is !== 'waiting'),
  })
}

/**
 * Waits until one of the sources has something else.
 * @param state what is to be reported where it does not come
 */
export async function awaitRevision(
  { cluster, timeout }: StepContext,
  sources: readonly Ref[],
  revision: string,
  state: string,
): Promise<void> {
  const isAnother = (now: string): boolean => hasMoved(revision, now)
  const last = await waitUntil(cluster, {
    watches: sources.map((source) => ({ kind: source, query: { namespace: source.namespace ?? '' } })),
    timeout,
    check: () => revisionFollowed(cluster, sources),
    isOver: isAnother,
  })
  if (isAnother(last)) return
  throw new OperatorError(`${state}; what changes it is suspended`, {
    remedy: 'fix it in Git; to continue from here: --resume',
  })
}
