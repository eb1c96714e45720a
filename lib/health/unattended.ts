import { parseDuration, showDuration } from '../base/duration.ts'
import { controllerOf, isSharded } from '../flux/components.ts'
import type { Installation } from '../flux/installation.ts'
import { componentsIn, selectsByLabel, shardsIn } from '../flux/installer.ts'
import type { FluxObject } from '../flux/object.ts'
import type { WantedDeployment } from '../flux/wanted-deployments.ts'
import type { Judgement } from './assess.ts'

const minute = 60_000

/** What there is to reconcile an object with. */
export interface Attendance {
  readonly installation: Pick<Installation, 'components' | 'shardLabel' | 'version'>
  readonly deployments: readonly WantedDeployment[]
  /** Since when a controller runs, in milliseconds; `-Infinity` where it does not. */
  readonly runningSince: (controller: string) => number
  readonly now: number
}

/**
 * Objects that no controller reconciles, though each may say that it is Ready: their controller is not part of this Flux, or their shard is not, or
 * their controller has not looked for longer than their interval allows. A controller that is to be there and is not has a probe of its own.
 */
export function unattended(objects: readonly FluxObject[], attendance: Attendance): ReadonlyMap<string, Judgement> {
  return new Map(
    objects.flatMap((object): [string, Judgement][] => {
      if (object.isSuspended || object.deletedAt !== undefined) return []
      const reason = whyUnattended(object, attendance)
      if (reason !== undefined) return [[object.name, { is: 'fails', cause: 'ignored', reason, since: object.writtenAt }]]
      const late = whyLate(object, attendance)
      return late === undefined ? [] : [[object.name, { is: 'fails', cause: 'ignored', reason: late, since: object.lastHandledAt ?? '' }]]
    }),
  )
}

function whyUnattended({ ref, labels }: FluxObject, { installation, deployments }: Attendance): string | undefined {
  const { components, shardLabel, version } = installation
  const controller = controllerOf(ref)
  if (controller === undefined || components.length === 0) return undefined
  if (!components.includes(controller)) return `no controller reconciles it: this Flux has no ${controller}`
  const shard = labels[shardLabel]
  if (shard === undefined || !isSharded(controller, version)) return undefined
  const shouldRollBack = deployments.some(({ name, component, deployment }) => {
    // What is to be there and is not has a probe of its own.
    if (deployment === undefined) return component === controller && [controller, `${controller}-${shard}`].includes(name)
    if (!componentsIn(deployment).includes(controller)) return false
    return shardsIn(deployment).includes(shard) || !selectsByLabel(deployment)
  })
  return shouldRollBack ? undefined : `no controller reconciles it: it is for shard ${shard}, for which there is no ${controller}`
}

/** One that has only just started checks everything first. */
function whyLate({ ref, interval, attempt, lastHandledAt }: FluxObject, { now, runningSince }: Attendance): string | undefined {
  const every = parseDuration(interval)
  if (lastHandledAt === undefined || every === undefined) return undefined
  const age = now - Date.parse(lastHandledAt)
  const waited = Math.min(age, now - runningSince(controllerOf(ref) ?? ''))
  if (waited <= 2 * every + attempt + minute) return undefined
  return `its controller last reconciled it ${showDuration(age)} ago; its interval is ${interval}`
}
