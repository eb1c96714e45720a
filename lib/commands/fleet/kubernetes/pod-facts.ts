import * as v from 'valibot'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import { conditionsOf } from '../../../kubernetes/readiness.ts'
import { indexAnnotation } from './names.ts'

const text = v.string()
const waitingSchema = v.object({ reason: v.optional(text, ''), message: v.optional(text, '') })
const terminatedSchema = v.object({
  exitCode: v.number(),
  reason: v.optional(text, ''),
  message: v.optional(text),
  startedAt: v.nullish(text),
  finishedAt: v.nullish(text),
})
const podSchema = v.object({
  status: v.optional(
    v.object({
      phase: v.optional(text, ''),
      containerStatuses: v.optional(
        v.array(
          v.object({
            state: v.optional(
              v.object({
                waiting: v.optional(waitingSchema),
                running: v.optional(v.object({ startedAt: v.nullish(text) })),
                terminated: v.optional(terminatedSchema),
              }),
              {},
            ),
          }),
        ),
        [],
      ),
    }),
    {},
  ),
})

/** What a pod of the fleet, which has one container, does now. */
export type PodFacts =
  | { readonly is: 'waiting'; readonly why: string }
  | { readonly is: 'running'; readonly startedAt: string }
  | {
      readonly is: 'ended'
      readonly exitCode: number
      readonly reason: string
      readonly message: string | undefined
      readonly startedAt: string
      readonly finishedAt: string
    }

export function fleetPodFacts(pod: KubeObject): PodFacts {
  const { state = {} } = v.parse(podSchema, pod).status.containerStatuses[0] ?? {}
  const { running, terminated, waiting } = state
  const created = pod.metadata.creationTimestamp ?? ''
  if (terminated !== undefined) {
    const { exitCode, reason, message } = terminated
    const startedAt = terminated.startedAt ?? created
    return { is: 'ended', exitCode, reason, message, startedAt, finishedAt: terminated.finishedAt ?? startedAt }
  }
  if (running !== undefined) return { is: 'running', startedAt: running.startedAt ?? created }
  // That it is just being made is no news.
  const isTrouble = waiting !== undefined && !['ContainerCreating', 'PodInitializing', ''].includes(waiting.reason)
  return { is: 'waiting', why: isTrouble ? `${waiting.reason}${waiting.message === '' ? '' : `: ${waiting.message}`}` : '' }
}

/** The index of a pod of an Indexed Job. */
export function indexOf(pod: KubeObject): number {
  return Number(pod.metadata.annotations[indexAnnotation] ?? -1)
}

const jobSchema = v.object({ status: v.optional(v.object({ failedIndexes: v.optional(text, '') }), {}) })

export interface JobFacts {
  /** How it ended; undefined while it has not, its pods included. */
  readonly end: { readonly isComplete: boolean; readonly reason: string; readonly message: string } | undefined
  /** Those that are not tried again. */
  readonly failedIndexes: ReadonlySet<number>
}

export function jobFactsOf(job: KubeObject): JobFacts {
  const { failedIndexes } = v.parse(jobSchema, job).status
  const end = conditionsOf(job).find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')
  return {
    end: end === undefined ? undefined : { isComplete: end.type === 'Complete', reason: end.reason ?? '', message: end.message ?? '' },
    failedIndexes: new Set(indexesIn(failedIndexes)),
  }
}

/** The numbers that `0,2-4` stands for. */
function indexesIn(ranges: string): number[] {
  return ranges.split(',').flatMap((range) => {
    if (range === '') return []
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
}
