import { fluxKinds } from '../../../flux/kinds.ts'
import { requestedAtAnnotation } from '../../../flux/annotations.ts'
import { conditionOf, type FluxObject } from '../../../flux/object.ts'
import { requestReconcile } from '../../../flux/reconcile-request.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { kubectlCall } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'
import { refusedByWebhook } from '../damaged.ts'

const kinds = [fluxKinds.kustomization, fluxKinds.helmRelease]
/** One that was under way when the webhook went fails once more. And another webhook, which stays, may be what refuses it. */
const mostAttempts = 3

/**
 * Has what a webhook refused tried again once that is gone. By itself a Kustomization does so at its interval only, and the operator waits
 * for that of Flux meanwhile.
 */
export function ensureRefusedRetried(takeSnapshot: () => Snapshot): Step {
  const attempts = new Map<string, number>()
  const find = async (): Promise<{ due: readonly FluxObject[]; asked: readonly FluxObject[] }> => {
    const { all } = await takeSnapshot().objects()
    const due = all.filter((one) => isRefused(one) && one.askedAt === undefined && (attempts.get(one.name) ?? 0) < mostAttempts)
    return { due, asked: all.filter(({ name, askedAt }) => attempts.has(name) && askedAt !== undefined) }
  }
  const ask: NonNullable<Step['nudge']> = async ({ cluster }) => {
    for (const { name, ref } of (await find()).due) {
      attempts.set(name, (attempts.get(name) ?? 0) + 1)
      await requestReconcile(cluster, ref)
    }
  }
  return {
    id: 'refused',
    title: 'Have Flux try again what the webhook refused',
    risk: 'change',
    async check() {
      const { due, asked } = await find()
      if (due.length === 0 && asked.length === 0) return { is: 'done', detail: 'nothing is left' }
      if (due.length === 0) return { is: 'waiting', on: asked.map(({ name }) => name).join(', ') }
      return {
        is: 'todo',
        change: `ask ${due.map(({ name }) => name).join(', ')} to reconcile now`,
        commands: due.map(({ ref }) => `${kubectlCall('annotate', ref, '--overwrite')} ${requestedAtAnnotation}="$(date +%s)"`),
      }
    },
    apply: ask,
    nudge: ask,
    watches: kinds.map((kind) => ({ kind, query: {} })),
  }
}

function isRefused(one: FluxObject): boolean {
  const ready = conditionOf(one, 'Ready')
  const isKind = kinds.some(({ kind }) => kind === one.ref.kind)
  return isKind && !one.isSuspended && one.deletedAt === undefined && ready?.status === 'False' && refusedByWebhook.test(ready.message)
}
