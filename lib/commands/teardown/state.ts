import * as v from 'valibot'
import type { RunState } from '../../runner/run-state.ts'

/** What a teardown must remember, because the cluster can't tell it any more. */
const notesSchema = v.object({
  /** Flux's own namespace. */
  namespace: v.optional(v.string()),
  /** How the Flux that was there had been installed, and how it comes back; where it is this project's, by bootstrap.ts. */
  comesBack: v.optional(
    v.object({
      by: v.string(),
      commands: v.pipe(v.array(v.string()), v.readonly()),
      needsSecretsFirst: v.boolean(),
      keepFirst: v.exactOptional(v.string()),
    }),
  ),
  /** How many replicas each Deployment had before it was stopped. */
  replicas: v.optional(v.record(v.string(), v.number()), {}),
  /** When the first of them was. */
  stoppedAt: v.optional(v.string()),
  /** The FluxInstance before its reconciliation was disabled: its annotation, and whether it was Ready. The key is that of earlier versions. */
  rested: v.optional(v.object({ annotation: v.nullable(v.string()), wasReady: v.boolean() })),
  /** The fingerprint is in the run's folder, and nothing has run since it was taken. */
  isFingerprinted: v.optional(v.boolean(), false),
  /** What was proven to be Flux's while there still were proofs. The key is that of earlier versions. */
  belongings: v.optional(
    v.array(
      v.object({
        ref: v.object({ apiVersion: v.string(), kind: v.string(), name: v.string(), namespace: v.exactOptional(v.string()) }),
        uid: v.string(),
        by: v.string(),
      }),
    ),
  ),
  /** When the point of no return was passed. */
  passedReturn: v.optional(v.string()),
  /** When all of it was gone: from then on nothing is ever torn down again by this run. */
  isOver: v.optional(v.string()),
})
export type TeardownState = v.InferOutput<typeof notesSchema>

/** What this run has noted so far, before it was interrupted too. */
export function readTeardownState(memory: RunState): TeardownState {
  return v.parse(notesSchema, memory.read().teardown ?? {})
}

/** Adds to the notes; on disk when it returns. */
export function recordTeardown(memory: RunState, more: Partial<TeardownState>): void {
  memory.write({ teardown: { ...readTeardownState(memory), ...more } })
}
