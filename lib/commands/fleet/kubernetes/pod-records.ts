import { exitCodes } from '../../../base/errors.ts'
import type { ClusterEnd, ClusterRecord, KeptJob } from '../fleet-run.ts'
import { endIn } from './end-message.ts'
import type { JobFacts, PodFacts } from './pod-facts.ts'

/** What of a record an event may report. */
export type RecordChange = 'begun' | 'resumed' | 'ended' | 'killed' | undefined

/** Exit codes that are an end of the script's own; with any other its pod was killed, and another one resumes. */
const own: ReadonlySet<number> = new Set(Object.values(exitCodes))

/**
 * Takes what a pod does now into its cluster's record. Seeing the same again changes nothing.
 * @returns what has changed
 */
export function recordPod(record: ClusterRecord, job: Pick<KeptJob, 'isCheck'>, pod: string, facts: PodFacts): RecordChange {
  if (facts.is === 'waiting') return undefined
  const isNew = takeSpan(record, job, facts)
  if (facts.is === 'running') {
    if (record.pod === pod) return undefined
    record.pod = pod
    return isNew && record.spans.length === 1 ? 'begun' : 'resumed'
  }
  if (record.pod === pod) delete record.pod
  if (!own.has(facts.exitCode)) return killed(record, facts)
  const isKnown = job.isCheck ? record.health !== undefined : record.end !== undefined
  if (isKnown) return undefined
  const end = endIn(facts.message, facts.exitCode)
  if (job.isCheck) record.health = end
  else record.end = end
  return 'ended'
}

/** A health check is not a span of the command's. Returns whether the span is a new one. */
function takeSpan(record: ClusterRecord, { isCheck }: Pick<KeptJob, 'isCheck'>, facts: Exclude<PodFacts, { is: 'waiting' }>): boolean {
  if (isCheck) return false
  const { startedAt } = facts
  const known = record.spans.find((span) => span.startedAt === startedAt)
  const span = known ?? { startedAt }
  if (known === undefined) record.spans.push(span)
  if (facts.is === 'ended') span.finishedAt = facts.finishedAt
  return known === undefined
}

function killed(record: ClusterRecord, { exitCode, reason }: Extract<PodFacts, { is: 'ended' }>): RecordChange {
  const why = `its pod was killed: exit code ${exitCode}${['', 'Error'].includes(reason) ? '' : ` (${reason})`}`
  if (record.trouble === why) return undefined
  record.trouble = why
  return 'killed'
}

/**
 * Gives an end to what a Job that is over has left without one: a cluster whose pods were killed too often has failed. One that was not started,
 * or was cut short because the Job had failed for others, has none.
 */
export function recordEnd(record: ClusterRecord, job: Pick<KeptJob, 'isCheck'>, index: number, facts: JobFacts): ClusterEnd | undefined {
  delete record.pod
  const isKnown = job.isCheck ? record.health !== undefined : record.end !== undefined
  if (isKnown || !facts.failedIndexes.has(index)) return undefined
  const message = `${record.trouble ?? 'its pod was killed'}, and so were the pods that resumed it`
  const end: ClusterEnd = { outcome: 'failed', exitCode: exitCodes.failed, runId: null, error: { message } }
  if (job.isCheck) record.health = end
  else record.end = end
  return end
}
