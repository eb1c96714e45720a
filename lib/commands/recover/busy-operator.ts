import { conditionsOf } from '../../kubernetes/readiness.ts'
import type { KubeObject } from '../../kubernetes/objects.ts'

/** An operator that reconciles for longer, in milliseconds, waits for what it made to be Ready, and recreates nothing meanwhile. */
const patience = 30_000

/** For how long the FluxInstance has not been Ready, in milliseconds; 0 where it is. A new request has the operator begin again. */
function busyFor(instance: KubeObject, now: number): number {
  const ready = conditionsOf(instance).find(({ type }) => type === 'Ready')
  if (ready === undefined || ready.status === 'True' || ready.lastTransitionTime === '') return 0
  return Math.max(1, now - Date.parse(ready.lastTransitionTime))
}

/** What the operator does with its FluxInstance: nothing now, recreate what is missing, or only wait, until it is asked again. */
export function operatorWork(instance: KubeObject, now: number): 'none' | 'applying' | 'waiting' {
  const busy = busyFor(instance, now)
  return busy === 0 ? 'none' : busy < patience ? 'applying' : 'waiting'
}
