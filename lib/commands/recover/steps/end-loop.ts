import { kubectlCall } from '../../../kubernetes/objects.ts'
import * as v from 'valibot'
import type { Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { showDuration } from '../../../base/duration.ts'
import type { Suspect } from '../../../health/changes.ts'
import { watchSuspects } from '../../../health/ongoing-writes.ts'
import { isFrequent } from '../../../health/loops.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { Step } from '../../../runner/step.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'
import { awaitRevision, hasMoved, loopContinues, revisionFollowed } from './loop-trial.ts'

const refSchema = v.object({ apiVersion: v.string(), kind: v.string(), namespace: v.optional(v.string(), ''), name: v.string() })
/** A loop that was seen to continue: who was suspended for it, what they changed, and what Git was at. */
const loopSchema = v.object({
  by: v.array(refSchema),
  changes: v.array(v.object({ object: v.string(), by: v.string(), doer: refSchema })),
  revision: v.string(),
  /** False until all of them are. */
  isSuspended: v.boolean(),
})
export type Loop = v.InferOutput<typeof loopSchema>

const notesSchema = v.object({ loop: v.optional(loopSchema) })

/** The loop that a run was ending before it was interrupted: suspended, it cannot be seen any more. */
export function recordedLoop(memory: RunState): Loop | undefined {
  return v.parse(notesSchema, memory.read()).loop
}

/**
 * Watches whether the suspects still change something over and over; only if they are seen to are they suspended, until Git is fixed. A
 * healthy Flux that was changed a few times looks the same in one reading, and must not be stopped.
 */
export function endLoop(suspects: readonly Suspect[], sources: readonly Ref[]): Step[] {
  const course: LoopState = {
    hasEnded: false,
    isOver: async (run) =>
      recordedLoop(run.memory) === undefined && (course.hasEnded || (await suspended(run, doersOf(suspects), false)).length === 0),
  }
  return [suspend(suspects, sources, course), awaitFix(sources, course), resume(sources, course)]
}

/** What happened to a loop between the plan and its suspension. */
interface LoopState {
  /** It was checked again, and does not continue. */
  hasEnded: boolean
  /** There is nothing to suspend, nor was anything. */
  readonly isOver: (run: StepContext) => Promise<boolean>
}

const suspendSchema = v.object({ spec: v.object({ suspend: v.optional(v.boolean(), false) }) })

async function suspended({ cluster }: StepContext, refs: readonly Ref[], is: boolean): Promise<Ref[]> {
  const found = await Promise.all(
    refs.map(async (ref) => {
      const object = await cluster.get(ref)
      return object !== undefined && v.parse(suspendSchema, object).spec.suspend === is ? [ref] : []
    }),
  )
  return found.flat()
}

const shown = ({ kind, namespace, name }: Ref): string => `${kind} ${namespace}/${name}`
const listed = (refs: readonly Ref[]): string => refs.map(shown).join(', ')
const objectsOf = (changes: readonly { readonly object: string }[]): string => [...new Set(changes.map(({ object }) => object))].join(', ')
const command = (verb: string, { kind, namespace, name }: Ref): string =>
  `flux --namespace ${namespace} ${verb} ${kind.toLowerCase()} ${name}`

function doersOf(suspects: readonly Suspect[]): Ref[] {
  return [...new Map(suspects.map(({ doer }) => [shown(doer), doer])).values()]
}

function suspend(suspects: readonly Suspect[], sources: readonly Ref[], course: LoopState): Step {
  return {
    id: 'suspend',
    title: 'Suspend what loops',
    risk: 'change',
    async check(run) {
      const loop = recordedLoop(run.memory)
      if (loop?.isSuspended === true) return { is: 'done', detail: `${listed(loop.by)} suspended` }
      if (await course.isOver(run)) return { is: 'done', detail: 'it does not continue, so nothing was suspended' }
      const running = await suspended(run, loop?.by ?? doersOf(suspects), false)
      const changes = loop?.changes ?? suspects
      return {
        is: 'todo',
        change: `suspend ${listed(running)}, once they are seen to keep changing ${objectsOf(changes)} without a commit`,
        commands: running.map((ref) => command('suspend', ref)),
      }
    },
    async apply(run, progress) {
      const { cluster, memory } = run
      if (recordedLoop(memory) === undefined) {
        // Before: a commit that comes meanwhile may be the fix.
        const revision = await revisionFollowed(cluster, sources)
        const seen = await prove(run, suspects, progress)
        // Anyone who was suspended meanwhile was so by a person: it is not resumed either.
        const by = await suspended(run, doersOf(seen), false)
        course.hasEnded = by.length === 0
        if (course.hasEnded) return
        const changes = seen.map(({ object, by: name, doer }) => ({ object, by: name, doer: { namespace: '', ...doer } }))
        // First: what is suspended and not remembered nobody would resume.
        memory.write({ loop: { by: by.map((ref) => ({ namespace: '', ...ref })), changes, revision, isSuspended: false } })
      }
      const loop = recordedLoop(memory)
      if (loop === undefined) return
      await setSuspended(run, loop.by, true)
      memory.write({ loop: { ...loop, isSuspended: true } })
    },
  }
}

/** Those of the suspects that continue: who looks often is watched, the others are asked to look now. */
async function prove(run: StepContext, suspects: readonly Suspect[], progress: (text: string) => void): Promise<readonly Suspect[]> {
  const often = suspects.filter(isFrequent)
  const seldom = suspects.filter((suspect) => !isFrequent(suspect))
  const within = Math.min(run.timeout, 2 * Math.max(0, ...often.map(({ interval }) => interval)) + 30_000)
  if (often.length > 0) progress(`watching for ${showDuration(within)} at most whether ${objectsOf(often)} is changed without a commit`)
  const seen = often.length === 0 ? [] : await watchSuspects(run.cluster, often, { writes: 2, within })
  if (seen.length > 0 || seldom.length === 0) return seen
  progress(`asking ${listed(doersOf(seldom))} to reconcile, to see whether they change ${objectsOf(seldom)} without a commit`)
  return (await loopContinues(run, doersOf(seldom), seldom)) ? seldom : []
}

async function setSuspended(run: StepContext, refs: readonly Ref[], is: boolean): Promise<void> {
  for (const ref of await suspended(run, refs, !is)) await run.cluster.patch(ref, { spec: { suspend: is ? true : null } })
}

function awaitFix(sources: readonly Ref[], course: LoopState): Step {
  return {
    id: 'mend',
    title: 'Fix it in Git',
    risk: 'safe',
    async check(run) {
      const { cluster, memory } = run
      const loop = recordedLoop(memory)
      if (await course.isOver(run)) return { is: 'done', detail: 'nothing to fix' }
      if (loop === undefined) return { is: 'waiting', on: 'a commit' }
      const now = await revisionFollowed(cluster, sources)
      if (hasMoved(loop.revision, now)) return { is: 'done', detail: `Git has moved to ${now}` }
      return {
        is: 'waiting',
        on: `a commit that leaves ${objectsOf(loop.changes)} to one of ${listed(loop.by)}; Git is at ${loop.revision}`,
      }
    },
    apply: () => Promise.resolve(),
    watches: sources.map((source) => ({ kind: source, query: { namespace: source.namespace ?? '' } })),
  }
}

function resume(sources: readonly Ref[], course: LoopState): Step {
  return {
    id: 'resume',
    title: 'Resume what was suspended',
    risk: 'change',
    async check(run) {
      const loop = recordedLoop(run.memory)
      if (await course.isOver(run)) return { is: 'done', detail: 'nothing was' }
      if (loop === undefined) return { is: 'waiting', on: 'what is suspended before' }
      const still = await suspended(run, loop.by, true)
      if (still.length > 0) {
        return { is: 'todo', change: `resume ${listed(still)}`, commands: still.map((ref) => command('resume', ref)) }
      }
      for (const ref of loop.by) {
        const object = await run.cluster.get(ref)
        if (object === undefined) continue // fixed by taking it out of Git
        const status = stepStatusOf(readinessOf(object), kubectlCall('describe', ref))
        if (status.is !== 'done') return status
      }
      return { is: 'done', detail: `${listed(loop.by)} run again` }
    },
    /** Not every commit is the repair: whether it is shows when they run, and if they go round again they are suspended again. */
    async apply(run, progress) {
      for (;;) {
        const loop = recordedLoop(run.memory)
        if (loop === undefined) return
        await setSuspended(run, loop.by, false)
        progress(`asking ${listed(loop.by)} to reconcile, to see whether that was the fix`)
        if (!(await loopContinues(run, loop.by, loop.changes))) return
        const revision = await revisionFollowed(run.cluster, sources)
        run.memory.write({ loop: { ...loop, revision } })
        await setSuspended(run, loop.by, true)
        const wanted = `a commit that leaves ${objectsOf(loop.changes)} to one of ${listed(loop.by)}`
        progress(`Git has moved to ${revision}, and they still change it: suspended again, waiting for ${wanted}`)
        await awaitRevision(run, sources, revision, `${objectsOf(loop.changes)} is still changed over and over at ${revision}`)
      }
    },
    watches: [fluxKinds.kustomization, fluxKinds.helmRelease].map((kind) => ({ kind, query: {} })),
  }
}
