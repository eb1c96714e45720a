import { join } from 'node:path'
import * as v from 'valibot'
import { OperatorError } from '../../../base/errors.ts'
import { putFile } from '../../../base/write-atomic.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'
import type { WatchTarget } from '../../../kubernetes/watch.ts'
import { describeChanges, summarizeChanges } from '../pulumi-output.ts'
import type { Stack } from '../pulumi-stack.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { Step } from '../../../runner/step.ts'

const notesSchema = v.object({ pulumi: v.optional(v.object({ isUp: v.boolean() }), { isUp: false }) })

/** Whether this very run was interrupted in the midst of `pulumi up`. */
export function wasInterrupted(memory: RunState): boolean {
  return v.parse(notesSchema, memory.read()).pulumi.isUp
}

/**
 * Carries out a stack's program. Without a refresh its state would still list what a teardown has removed, and nothing would be made.
 * @param starts what is watched meanwhile: it throws as soon as something never starts, for which Pulumi itself would wait ten minutes
 */
export function pulumiUp(stack: Stack, starts?: Starts): Step {
  return {
    id: 'pulumi-up',
    title: `Deploy Flux with Pulumi: stack ${stack.name}`,
    risk: 'change',
    async check({ memory }) {
      const { changes } = await stack.preview()
      const isLeft = wasInterrupted(memory)
      if (changes.length === 0 && !isLeft) return { is: 'done', detail: `pulumi would change nothing in stack ${stack.name}` }
      return {
        is: 'todo',
        change: `pulumi up on stack ${stack.name}: ${describeChanges(changes) || 'what an interrupted run left'}`,
        commands: [stack.typed('up --refresh')],
        details: summarizeChanges(changes),
      }
    },
    async apply({ memory, cluster, clean }, progress) {
      // Pulumi hides what its program calls a secret, and nothing else.
      putFile(join(memory.folder(), 'pulumi-preview.txt'), clean(await stack.showDiff()))
      if (wasInterrupted(memory)) await stack.clearInterrupted()
      memory.write({ pulumi: { isUp: true } })
      await (starts === undefined ? stack.up(progress) : upWatched(stack, cluster, starts, progress))
      memory.write({ pulumi: { isUp: false } })
    },
  }
}

/** What `pulumi up` is to start. */
export interface Starts {
  readonly watches: readonly WatchTarget[]
  readonly verify: (cluster: Cluster) => Promise<void>
}

/** Ends Pulumi where what it starts never will, and throws why. */
async function upWatched(stack: Stack, cluster: Cluster, { watches, verify }: Starts, progress: (text: string) => void): Promise<void> {
  const stop = new AbortController()
  let isOver = false
  let failure: unknown
  const watching = waitUntil(cluster, { watches, timeout: Infinity, check: () => verify(cluster), isOver: () => isOver }).catch(
    (error: unknown) => {
      // A failed request says nothing about what was started: Pulumi continues, and the rollout is judged after it.
      if (!(error instanceof OperatorError)) return
      failure = error
      stop.abort()
    },
  )
  try {
    await stack.up(progress, stop.signal)
  } catch (error) {
    throw failure ?? error
  } finally {
    isOver = true
    await watching
  }
}
