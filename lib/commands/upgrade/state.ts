import * as v from 'valibot'
import type { RunState } from '../../runner/run-state.ts'
import { OperatorError } from '../../base/errors.ts'
import { placeKinds } from '../../desired-state/version-places.ts'

const versionsSchema = v.object({ flux: v.string(), operator: v.string() })
const objectSchema = v.looseObject({ apiVersion: v.string(), kind: v.string(), metadata: v.looseObject({ name: v.string() }) })

const placeSchema = v.object({
  of: v.picklist(['flux', 'operator']),
  is: v.picklist(placeKinds),
  file: v.string(),
  line: v.number(),
  says: v.string(),
  document: v.number(),
  path: v.array(v.union([v.string(), v.number()])),
})

const chartSchema = v.object({ from: v.string(), to: v.string(), isChanged: v.boolean() })
export type ChartChange = v.InferOutput<typeof chartSchema>

const notesSchema = v.object({
  from: versionsSchema,
  to: versionsSchema,
  /** Where Flux is kept, in Git and in the cluster. */
  place: v.object({
    namespace: v.string(),
    syncName: v.string(),
    rootName: v.exactOptional(v.string()),
    kustomizations: v.array(v.string()),
    operatorRelease: v.exactOptional(v.string()),
    instanceRelease: v.exactOptional(v.string()),
    installs: v.exactOptional(v.picklist(['instance', 'manifests'])),
  }),
  /** Where the version stands, and in which repository; the cluster's settings.yaml where it is left out. */
  stands: v.exactOptional(v.object({ url: v.string(), ref: v.string(), at: placeSchema })),
  /**
   * Of a Flux that a Pulumi stack installs: the chart's version in the stack's configuration, before and after; and whether this run has begun
   * to change it.
   */
  chart: v.exactOptional(chartSchema),
  /** What is to stand there before and after, each by its name: of settings.yaml the version lines. */
  before: v.record(v.string(), v.string()),
  after: v.record(v.string(), v.string()),
  /** The FluxInstance with the old versions, as in Git, or Flux's own manifests, packed: applied again, it is the rollback. */
  instance: v.exactOptional(objectSchema),
  manifests: v.exactOptional(v.string()),
  /** What a rollback found, and restores if it fails: what Git and the FluxInstance said, and whether that ran. */
  start: v.optional(
    v.object({
      versions: versionsSchema,
      lines: v.record(v.string(), v.string()),
      instance: v.exactOptional(objectSchema),
      manifests: v.exactOptional(v.string()),
      ran: v.boolean(),
    }),
  ),
  /** The revision of each Flux object that was Ready, by its name; empty where its kind has none. */
  ready: v.record(v.string(), v.string()),
  /** Whether Git had commits that Flux had not: they come along with the upgrade, and may take objects away. */
  isBehind: v.boolean(),
  /** The API versions that each of Flux's CRDs served. */
  served: v.record(v.string(), v.array(v.string())),
  /** `CRD version` of each API version that goes away; none where that cannot be known. */
  goesAway: v.array(v.string()),
  /** Each controller's image tag before, and, where it can be known, after. */
  images: v.record(v.string(), v.string()),
  newImages: v.record(v.string(), v.string()),
  /** For how long no controller of the name was ready, in milliseconds. */
  pauses: v.record(v.string(), v.number()),
  /** The commit that this run has pushed, or was pushing when it was interrupted; empty where there is none. */
  commit: v.string(),
  /** Which new images have started once; empty where none was tried. */
  imagesChecked: v.optional(v.string(), ''),
  /** The file with what a rollback has removed; empty where nothing was kept. */
  evidence: v.optional(v.string(), ''),
  /** The branch on which the change is proposed: a run that is resumed pushes to no other. */
  branch: v.exactOptional(v.string()),
  /** That the rollback was started: there is no other way from there. */
  isGoingBack: v.boolean(),
  /** That a rollback failed, and what ran before it is being restored. */
  isReturning: v.optional(v.boolean(), false),
})

/** What an upgrade must remember of how things were before it, since the cluster and Git then say something else. */
export type UpgradeState = v.InferOutput<typeof notesSchema>

/** What the interrupted run remembered; undefined in a new one. */
export function readUpgradeState(memory: RunState): UpgradeState | undefined {
  const notes = memory.read()
  if (notes.from === undefined) return undefined
  const parsed = v.safeParse(notesSchema, notes)
  if (parsed.success) return parsed.output
  throw new OperatorError(`the state of the interrupted run cannot be read: ${v.summarize(parsed.issues)}`, {
    kind: 'blocked',
    remedy: 'to start over: --fresh',
  })
}

/** Adds to what is remembered. */
export function checkpoint(memory: RunState, notes: Partial<UpgradeState>): void {
  memory.write(notes)
}

/** The commit that this run has pushed; empty where there is none. */
export function commitOf(memory: RunState): string {
  return readUpgradeState(memory)?.commit ?? ''
}
