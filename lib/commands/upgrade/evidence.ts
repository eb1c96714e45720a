import { join } from 'node:path'
import * as v from 'valibot'
import { stringify } from 'yaml'
import { messageOf } from '../../base/errors.ts'
import { putFile } from '../../base/write-atomic.ts'
import { kinds, type KubeObject } from '../../kubernetes/objects.ts'
import { readLog } from '../../kubernetes/pod-logs.ts'
import type { StepContext } from '../../runner/step.ts'
import { checkpoint, readUpgradeState } from './state.ts'

const fileName = 'evidence.txt'
const logLines = 200

/**
 * Keeps what a rollback is about to remove, in the run's folder: the pods' status, their logs with those of the run before, and the Events of
 * Flux's namespace. Once for a run: what is seen later is the rollback's own. Nothing of it may keep Flux from rolling back.
 */
export async function keepEvidence(run: StepContext, namespace: string): Promise<void> {
  const { cluster, memory, clean, console } = run
  if (readUpgradeState(memory)?.evidence) return
  try {
    const pods = await cluster.list(kinds.pod, { namespace })
    const parts = [...(await Promise.all(pods.map((pod) => describePod(run, pod)))), await describeEvents(run, namespace)]
    const path = join(memory.folder(), fileName)
    putFile(path, clean(parts.join('\n')))
    checkpoint(memory, { evidence: path })
    console.faint(`  evidence of what is replaced: ${path}`)
  } catch (error) {
    run.signal.throwIfAborted()
    console.warning(`what the rollback removes could not be saved: ${messageOf(error)}`)
  }
}

const podSchema = v.object({
  spec: v.object({ containers: v.array(v.object({ name: v.string() })) }),
  status: v.optional(
    v.looseObject({
      containerStatuses: v.optional(v.array(v.looseObject({ name: v.string(), restartCount: v.optional(v.number(), 0) })), []),
    }),
    { containerStatuses: [] },
  ),
})

async function describePod({ cluster }: StepContext, pod: KubeObject): Promise<string> {
  const { spec, status } = v.parse(podSchema, pod)
  const place = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name }
  const logs = await Promise.all(
    spec.containers.flatMap(({ name }) => {
      const restarts = status.containerStatuses.find((one) => one.name === name)?.restartCount ?? 0
      return [true, false]
        .filter((previous) => !previous || restarts > 0)
        .map(async (previous) => {
          const log = await readLog(cluster, place, name, { previous, lines: logLines })
          return section(`Log of ${place.name}, container ${name}${previous ? ', the run before' : ''}`, log)
        })
    }),
  )
  return [section(`Pod ${place.name}`, stringify(status)), ...logs].join('\n')
}

const text = v.nullish(v.string())
const eventSchema = v.object({
  type: text,
  reason: text,
  message: text,
  count: v.nullish(v.number()),
  involvedObject: v.object({ kind: v.optional(v.string(), ''), name: v.optional(v.string(), '') }),
  lastTimestamp: text,
  eventTime: text,
})

async function describeEvents({ cluster }: StepContext, namespace: string): Promise<string> {
  const events = (await cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace })).map((event) => v.parse(eventSchema, event))
  const lines = events.map(({ type, reason, message, count, involvedObject: { kind, name }, lastTimestamp, eventTime }) => {
    const times = (count ?? 1) > 1 ? ` (${count} times)` : ''
    return `${lastTimestamp ?? eventTime ?? ''} ${type ?? ''} ${reason ?? ''} ${kind}/${name}${times}: ${message ?? ''}`
  })
  return section(`Events in ${namespace}`, lines.sort().join('\n'))
}

function section(title: string, content: string): string {
  return `## ${title}\n\n${content.trimEnd()}\n`
}
