import { parseDuration, showDuration } from '../base/duration.ts'
import { usualTimeout } from '../flux/attempt.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { conditionOf, type FluxObject, type HistoryEntry, needsOf } from '../flux/object.ts'
import type { Condition } from '../kubernetes/readiness.ts'
import type { FluxObjects } from '../flux/read-objects.ts'
import { judgeWaiting } from './waiting.ts'

/** How one object of Flux is. */
export type Judgement =
  | { readonly is: 'healthy' }
  /** On its way, and not for too long yet. */
  | { readonly is: 'busy' }
  | { readonly is: 'suspended'; readonly since: string | undefined }
  /** Nothing is wrong with it but what it needs. */
  | { readonly is: 'waits'; readonly on: readonly string[]; readonly since: string }
  /** What it waited for has come about since then, and its controller has still to try again. */
  | { readonly is: 'due'; readonly after: readonly string[]; readonly since: string }
  | { readonly is: 'fails'; readonly cause: Cause; readonly reason: string; readonly since: string }

/** Why an object fails, for those that decide by it; the reason is for people. */
export type Cause =
  /** It is being deleted. */
  | 'deletion'
  | 'stalled'
  /** Something that it needs does not exist. */
  | 'missing'
  /** Its controller has not reconciled it, or has not done what it was asked. */
  | 'ignored'
  /** Its last attempt failed. */
  | 'failed'
  /** It is not Ready for another reason. */
  | 'not-ready'
  /** One attempt takes longer than it may. */
  | 'overdue'
  /** It tries again after an attempt that failed. */
  | 'retrying'
  /** It has not applied what its source has. */
  | 'outdated'
  /** Its source is Ready, and source-controller has no longer what it fetched. */
  | 'artifact-lost'
  /** It waits for others, and they for it. */
  | 'circle'
  /** A Helm release of it is pending, and no controller is working on it. */
  | 'pending-release'

const minute = 60_000
/** What the history says of an attempt that did not fail. */
export const succeeded = ['', 'ReconciliationSucceeded', 'Progressing']

/**
 * Judges every object, each with an eye on those that it needs.
 * @param unattended those that no controller reconciles, whatever their last status says
 */
export function judgeAll(
  objects: FluxObjects,
  now: number,
  unattended: ReadonlyMap<string, Judgement> = new Map(),
): ReadonlyMap<string, Judgement> {
  const judged = new Map<string, Judgement>()
  for (const object of objects.all) {
    const judgement = judge(object, objects, now)
    const isSilent = judgement.is === 'healthy' || judgement.is === 'busy'
    judged.set(object.name, (isSilent ? unattended.get(object.name) : undefined) ?? judgement)
  }
  for (const object of objects.all) {
    const judgement = judged.get(object.name)
    if (judgement?.is === 'fails') judged.set(object.name, judgeWaiting(object, judgement, { objects, judged, now }))
  }
  return judged
}

function judge(object: FluxObject, objects: FluxObjects, now: number): Judgement {
  const fails = (cause: Cause, reason: string, since: string): Judgement => ({ is: 'fails', cause, reason, since })
  const isOld = (time: string): boolean => now - Date.parse(time) > (parseDuration(object.timeout) ?? usualTimeout) + minute
  /** Longer ago than one attempt may take. */
  const isOverdue = (time: string): boolean => now - Date.parse(time) > object.attempt + minute
  const { deletedAt, generation, writtenAt } = object
  if (deletedAt !== undefined)
    // A release is uninstalled first.
    return (object.ref.kind === fluxKinds.helmRelease.kind ? isOverdue : isOld)(deletedAt)
      ? fails('deletion', 'is being deleted, but blocked: see its finalizers', deletedAt)
      : { is: 'busy' }
  if (object.isSuspended) return { is: 'suspended', since: object.suspension?.since }
  if (!object.reportsReady) return { is: 'healthy' }
  const stalled = conditionOf(object, 'Stalled')
  if (stalled?.status === 'True') return fails('stalled', `stalled: ${worded(stalled)}`, stalled.lastTransitionTime)
  const missing = needsOf(object).find((need) => !objects.byName.has(need) && objects.kinds.has(need.split(' ')[0] ?? ''))
  if (missing !== undefined) return fails('missing', `needs ${missing}, which does not exist`, writtenAt)

  const ready = conditionOf(object, 'Ready')
  // The condition's own generation first: the status has none before the first successful attempt.
  const seen = ready?.observedGeneration ?? object.observedGeneration ?? generation
  const isSeen = ready !== undefined && (ready.status === 'False' || seen >= generation)
  if (!isSeen)
    return isOverdue(writtenAt) ? fails('ignored', `its controller has not observed generation ${generation}`, writtenAt) : { is: 'busy' }
  const since = ready.lastTransitionTime
  // A new commit took its place, and is tried next; bounded, for a HelmRelease has stuck so (fluxcd/helm-controller#1429).
  if (ready.reason === 'HealthCheckCanceled' && !isOld(since)) return { is: 'busy' }
  if (ready.status === 'False') {
    return fails(ready.reason.endsWith('Failed') ? 'failed' : 'not-ready', worded(ready) + ageOf(object, now), since)
  }
  if (ready.status === 'Unknown') {
    if (isOverdue(since)) return fails('overdue', `still at it: ${worded(ready)}`, since)
    // A source that has no artifact yet is Unknown again at each attempt (source-controller, reconcileStorage).
    const fetchFailed = conditionOf(object, 'FetchFailed')
    if (fetchFailed?.status === 'True') return fails('retrying', `tries again after ${worded(fetchFailed)}`, fetchFailed.lastTransitionTime)
    if (object.failures > 0) return fails('retrying', `tries again after ${object.failures} failures: ${worded(ready)}`, since)
    const last = lastOutcome(object, objects)
    return succeeded.includes(last) ? { is: 'busy' } : fails('retrying', `tries again after ${last}: ${worded(ready)}`, since)
  }
  if (object.askedAt !== undefined && isOld(object.askedAt))
    return fails('ignored', 'has a reconcile request that its controller has not handled', object.askedAt)
  return behindItsSource(object, objects, isOld) ?? { is: 'healthy' }
}

/**
 * How the last finished attempt ended. Flux 2.7 remembers a health check that a new commit cut short as one that failed (its
 * feature gate CancelHealthCheckOnNewRevision); later versions do not remember it.
 */
function lastOutcome({ source, history, attempt }: FluxObject, objects: FluxObjects): string {
  const wanted = (source === undefined ? undefined : objects.byName.get(source)?.revision) ?? ''
  const isCutShort = ({ lastReconciledStatus, lastReconciledDuration, metadata }: HistoryEntry): boolean =>
    lastReconciledStatus === 'HealthCheckFailed' &&
    wanted !== '' &&
    metadata.revision !== wanted &&
    (parseDuration(lastReconciledDuration) ?? attempt) < attempt
  return history.find((entry) => !isCutShort(entry))?.lastReconciledStatus ?? ''
}

/** A Kustomization that is Ready, except for something its source no longer has. */
function behindItsSource(object: FluxObject, objects: FluxObjects, isOld: (time: string) => boolean): Judgement | undefined {
  const source = object.source === undefined ? undefined : objects.byName.get(object.source)
  if (object.ref.kind !== 'Kustomization' || source?.artifactAt === undefined) return undefined
  if (source.revision === object.revision || !isOld(source.artifactAt)) return undefined
  return {
    is: 'fails',
    cause: 'outdated',
    reason: `has applied ${object.revision}; ${source.name} has ${source.revision}`,
    since: source.artifactAt,
  }
}

function worded({ reason, message }: Condition): string {
  return message === '' || message === reason ? reason : `${reason}: ${message}`
}

/** How old what a failing source still offers is, against how often it looks. */
function ageOf({ artifactAt, interval }: FluxObject, now: number): string {
  if (artifactAt === undefined) return ''
  return ` (its artifact is ${showDuration(now - Date.parse(artifactAt))} old; its interval is ${interval})`
}
