import type { Capture } from '../../../capture/capture.ts'
import { kindArgument, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { inParallel } from '../../../base/parallel.ts'
import { type Stop, stopOf } from './stopped.ts'
import type { StepContext } from '../../../runner/step.ts'
import type { Step } from '../../../runner/step.ts'

/** The objects of Flux that a person had suspended, or detached from Git. Git knows nothing of that: what it recreates would be reconciled. */
export function suspendedByHand({ entries }: Pick<Capture, 'entries'>): Ref[] {
  return entries.filter(({ suspendedBy }) => suspendedBy !== undefined).map(({ ref }) => ref)
}

/**
 * Suspends again what a person had suspended, of all that is there by now: to be taken once before the controllers run, and again when Git
 * has brought the rest.
 */
export function ensureSuspended(id: string, open: (run: StepContext) => Promise<Capture>): Step {
  const check = async (run: StepContext): Promise<{ ref: Ref; stop: Stop; live: KubeObject | undefined }[]> => {
    const entries = (await open(run)).entries.filter(({ suspendedBy }) => suspendedBy !== undefined)
    return inParallel(entries, 32, async (entry) => ({ ref: entry.ref, stop: stopOf(entry), live: await run.cluster.get(entry.ref) }))
  }
  return {
    id,
    title: 'Suspend again what was suspended by hand',
    risk: 'change',
    async check(run) {
      const found = await check(run)
      const reconciling = found.filter(({ live, stop }) => live !== undefined && !stop.isDone(live))
      if (reconciling.length > 0) {
        const commands = reconciling.map(
          ({ ref, stop }) =>
            `kubectl --namespace ${ref.namespace} patch ${kindArgument(ref)} ${ref.name} --type=merge --patch '${JSON.stringify(stop.patch)}'`,
        )
        return { is: 'todo', change: `suspend ${reconciling.map(({ ref }) => nameOf(ref)).join(', ')}`, commands }
      }
      if (found.length === 0) return { is: 'done', detail: 'nothing was' }
      const absent = found.filter(({ live }) => live === undefined).map(({ ref }) => nameOf(ref))
      const there = `${found.length - absent.length} of ${found.length} are suspended`
      return { is: 'done', detail: absent.length === 0 ? there : `${there}; not there: ${absent.join(', ')}` }
    },
    async apply(run) {
      await inParallel(await check(run), 32, async ({ ref, live, stop }) => {
        if (live !== undefined && !stop.isDone(live)) await run.cluster.patch(ref, stop.patch)
      })
    },
  }
}
