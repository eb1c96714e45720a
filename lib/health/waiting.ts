import { parseDuration } from '../base/duration.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { conditionOf, type FluxObject, needsOf } from '../flux/object.ts'
import type { FluxObjects } from '../flux/read-objects.ts'
import type { Condition } from '../kubernetes/readiness.ts'
import type { Judgement } from './assess.ts'

const minute = 60_000
/** Its controller says so where only what an object needs is not Ready (kustomize- and helm-controller, internal/controller). */
const waitingReasons: readonly string[] = ['DependencyNotReady', 'SourceNotReady', 'ArtifactFailed']
/** An artifact that is there and cannot be used has the same reason, and is no one else's fault; only its message says which it is. */
const awaitsArtifact = /^Source (is )?not ready|^Source artifact not found/

/** source-controller answers 404 (kustomize- and helm-controller, ErrFileNotFound). They ask again every half minute. */
const lostArtifact = /artifact not found/

/** Whether a Ready condition that is False says only that something the object needs is not Ready. */
export function isAboutNeeds({ reason, message }: Pick<Condition, 'reason' | 'message'>): boolean {
  return waitingReasons.includes(reason) && (reason !== 'ArtifactFailed' || awaitsArtifact.test(message))
}

/** What others are like, for one that waits for them. */
interface Others {
  readonly objects: FluxObjects
  readonly judged: ReadonlyMap<string, Judgement>
  readonly now: number
}

/**
 * Judges an object that fails because of something it needs. While that is not Ready, it only waits. Once that is, its controller
 * tries again within half a minute (`--requeue-dependency`), or later where many are queued before it: nothing is wrong with it meanwhile.
 */
export function judgeWaiting(object: FluxObject, judgement: Judgement & { is: 'fails' }, { objects, judged, now }: Others): Judgement {
  const ready = conditionOf(object, 'Ready')
  if (ready === undefined || !waitingReasons.includes(ready.reason)) return judgement
  const needs = [...needsOf(object), ...(object.chart === undefined || !objects.byName.has(object.chart) ? [] : [object.chart])]
  const on = needs.filter((need) => isAwaited(object, need, { objects, judged, now }))
  if (on.length > 0) return { is: 'waits', on, since: judgement.since }
  if (!isAboutNeeds(ready)) return judgement
  const after = needs.map((need) => ({ need, since: readySince(object, objects.byName.get(need)) }))
  const [last] = after.sort((one, other) => other.since.localeCompare(one.since))
  if (last === undefined || last.since === '' || needs.some((need) => judged.get(need)?.is !== 'healthy')) return judgement
  const { need, since } = last
  const waited = now - Date.parse(since)
  if (waited < minute) return { is: 'busy' }
  // An artifact that was made since is found at the next attempt.
  if (since < judgement.since && now - Date.parse(judgement.since) > minute && lostArtifact.test(ready.message)) {
    const gone = `${object.source ?? need} is Ready since ${since}, but source-controller no longer has its artifact (${ready.message})`
    return { is: 'fails', cause: 'artifact-lost', reason: gone, since: judgement.since }
  }
  if (waited <= Math.max(object.attempt, parseDuration(object.interval) ?? 0) + minute) return { is: 'due', after: [need], since }
  const reason = `waited for ${need}, which is Ready since ${since}; its controller has not tried again`
  return { is: 'fails', cause: 'ignored', reason, since }
}

/** Whether the object has to wait for what it needs, though that may be Ready for its part. */
function isAwaited(object: FluxObject, need: string, { objects, judged }: Others): boolean {
  const judgement = judged.get(need)
  if (judgement !== undefined && judgement.is !== 'healthy') return true
  if (conditionOf(object, 'Ready')?.reason !== 'DependencyNotReady') return false
  return object.judgesItself.includes(need) || isBehind(object, objects.byName.get(need), objects)
}

/** Of two Kustomizations with one source, the first must have applied the revision that the second is to apply. */
function isBehind({ source }: FluxObject, need: FluxObject | undefined, { byName }: FluxObjects): boolean {
  if (source === undefined || need?.ref.kind !== fluxKinds.kustomization.kind || need.source !== source) return false
  const wanted = byName.get(source)?.revision ?? ''
  return wanted !== '' && need.revision !== wanted
}

/** Since when the object may build on what it needs: empty where that is not known. RFC 3339 in UTC sorts by time. */
function readySince(object: FluxObject, need: FluxObject | undefined): string {
  const changed = need === undefined ? '' : (conditionOf(need, 'Ready')?.lastTransitionTime ?? '')
  // A source may be Ready all along and have another artifact; a Kustomization, and have applied that.
  const artifact = need?.artifactAt ?? ''
  const applied = need !== undefined && need.source === object.source ? (need.lastHandledAt ?? '') : ''
  return [changed, artifact, applied].reduce((last, time) => (time > last ? time : last), '')
}
