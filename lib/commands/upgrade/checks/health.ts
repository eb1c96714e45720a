import { healthOf } from '../../../flux/object-status.ts'
import { unreadyObjects } from '../../../flux/object-status.ts'
import { firstCause, groupedBy } from '../../../base/first-cause.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { ownObjects } from '../../../flux/own-objects.ts'
import type { Session } from '../../../connection/session.ts'
import { type Finding, notice, blocks } from '../../../preflight/preflight.ts'
import type { FluxPlace } from '../../../flux/refs.ts'
import { kinds, refOf } from '../../../kubernetes/objects.ts'
import { deploymentsOf, unavailableOf } from '../../../flux/components.ts'
import { waitUntil } from '../../../kubernetes/wait-until.ts'

export function readyOf(objects: Parameters<typeof healthOf>[0]): Record<string, string> {
  return Object.fromEntries([...healthOf(objects)].flatMap(([name, health]) => (health.is === 'ready' ? [[name, health.revision]] : [])))
}

/** What is not healthy: of Flux itself, and of what others have it apply. */
export interface Unhealthy {
  readonly own: readonly string[]
  readonly others: readonly string[]
}

/** What is still wrong after a moment: some objects are not Ready for some seconds of every minute, while they are checked. */
export async function settledHealth({ cluster }: Session, place: FluxPlace, isForced: boolean): Promise<Unhealthy> {
  return waitUntil(cluster, {
    watches: [],
    timeout: isForced ? 0 : settling,
    every: 1000,
    check: () => findUnhealthy(cluster, place),
    isOver: ({ own }) => own.length === 0,
  })
}

async function findUnhealthy(cluster: Cluster, place: FluxPlace): Promise<Unhealthy> {
  const { namespace } = place
  const [controllers, operators, all] = await Promise.all([
    deploymentsOf(cluster, namespace, 'controllers'),
    deploymentsOf(cluster, namespace, 'operator'),
    cluster.list(kinds.deployment, { namespace }),
  ])
  const ours = [...controllers, ...operators]
  const foreign = all.filter(({ metadata }) => !ours.some((own) => own.metadata.uid === metadata.uid))
  const [down, foreignDown, unready] = await Promise.all([
    unavailableOf(cluster, ours.map(refOf)),
    unavailableOf(cluster, foreign.map(refOf)),
    unreadyObjects(cluster),
  ])
  const names = ownObjects(place)
  const reported = (isOwn: boolean): string[] => unready.filter(({ name }) => names.has(name) === isOwn).map((one) => one.reported)
  return { own: [...down, ...reported(true)], others: [...foreignDown, ...reported(false)] }
}

/** What Flux is made of must be healthy; what tenants have it apply is reported, and blocks nothing. */
export function judgeHealth({ own, others }: Unhealthy, isForced: boolean): Finding[] {
  const what = `not healthy now: ${someOf(own)}`
  const remedy = 'fix it first; or, if it does not matter for this: --force'
  return [
    ...(own.length === 0 ? [] : [isForced ? notice(what) : blocks(what, remedy)]),
    ...(others.length === 0 ? [] : [notice(`not healthy before, and not part of Flux itself: ${someOf(others)}`)]),
  ]
}

/** The first few, those that fail for one reason counted. */
export function someOf(wrong: readonly string[]): string {
  const groups = groupedBy(wrong, (one) => one.slice(one.indexOf(': ')))
  const reported = groups
    .slice(0, 5)
    .map(([first, ...others]) => `${others.length === 0 ? '' : `${others.length + 1} objects, as `}${firstCause(first)}`)
  const left = groups.slice(5).flat().length
  return `${reported.join('; ')}${left === 0 ? '' : `; and ${left} more`}`
}

/** How long what is not Ready is given to become so by itself, in milliseconds. */
export const settling = 30000
