import * as v from 'valibot'
import type { StepRecord } from './step.ts'

const recordSchema = v.object({
  id: v.string(),
  title: v.string(),
  risk: v.picklist(['safe', 'change', 'destroy']),
  state: v.picklist(['done', 'already', 'skipped', 'failed', 'planned']),
  startedAt: v.string(),
  durationMs: v.number(),
  detail: v.string(),
})

/** One time that a run was started or resumed. Killed, it has no outcome, and ended when it was last known to live. */
export const attemptSchema = v.object({
  startedAt: v.string(),
  finishedAt: v.string(),
  outcome: v.optional(v.string()),
  steps: v.optional(v.array(recordSchema), []),
})
export type Attempt = v.InferOutput<typeof attemptSchema>

/** For how long a run was carried out, without what lay between its attempts, in milliseconds. */
export function timeOf(attempts: readonly Pick<Attempt, 'startedAt' | 'finishedAt'>[]): number {
  return attempts.reduce((sum, { startedAt, finishedAt }) => sum + Date.parse(finishedAt) - Date.parse(startedAt), 0)
}

/** For how long a run's steps were carried out, without what a person thought between them, in milliseconds. */
export function workOf(attempts: readonly Pick<Attempt, 'steps'>[]): number {
  return attempts.flatMap(({ steps }) => steps).reduce((sum, { durationMs }) => sum + durationMs, 0)
}

/** What distinguishes a step from the others of its run: a remedy may have a step of each kind for several objects. */
export function stepKey({ id, title }: Pick<StepRecord, 'id' | 'title'>): string {
  return `${id} ${title}`
}

/** Whether a step has destroyed something, or has begun to. */
export function hasDestroyed({ risk, state }: Pick<StepRecord, 'risk' | 'state'>): boolean {
  return risk === 'destroy' && (state === 'done' || state === 'failed')
}

/**
 * What happened to each step over all attempts. What an earlier attempt has done stays done, as it was recorded then; what it took several
 * attempts to do took all their time.
 */
export function stepsOf(attempts: readonly Pick<Attempt, 'steps'>[]): StepRecord[] {
  const merged = new Map<string, StepRecord>()
  for (const record of attempts.flatMap(({ steps }) => steps)) {
    const key = stepKey(record)
    const before = merged.get(key)
    if (before?.state === 'done' && record.state === 'already') continue
    const isAnother = before !== undefined && before.state !== 'already'
    merged.set(key, isAnother ? { ...record, startedAt: before.startedAt, durationMs: before.durationMs + record.durationMs } : record)
  }
  return [...merged.values()]
}
