import { type Entry, read } from '../../../capture/capture.ts'
import { detachAnnotation, isDetached } from '../../../flux/annotations.ts'
import { isSuspended, suspension } from '../../../flux/suspension.ts'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import * as v from 'valibot'

/** How a person had stopped an object that was captured: suspended, detached from Git, or both. */
export interface Stop {
  /** The merge patch that does it again. */
  readonly patch: Record<string, unknown>
  readonly isDone: (live: KubeObject) => boolean
}

const metadataSchema = v.object({ metadata: v.optional(v.object({ annotations: v.record(v.string(), v.string()) })) })

export function stopOf(entry: Pick<Entry, 'text' | 'ref'>): Stop {
  const { object } = read(entry)
  const [suspends, detaches] = [isSuspended(object), isDetached(object)]
  const suspending = suspends ? suspension(entry.ref) : {}
  const { annotations = {} } = v.parse(metadataSchema, suspending).metadata ?? {}
  return {
    patch: detaches ? { ...suspending, metadata: { annotations: { ...annotations, [detachAnnotation]: 'disabled' } } } : suspending,
    isDone: (live) => (!suspends || isSuspended(live)) && (!detaches || isDetached(live)),
  }
}
