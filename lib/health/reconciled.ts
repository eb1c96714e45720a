import { groupedBy } from '../base/first-cause.ts'
import { kindArgument } from '../kubernetes/objects.ts'
import type { FluxObject } from '../flux/object.ts'
import type { Judgement } from './assess.ts'
import type { Suspension } from '../flux/suspension.ts'
import { apiGroups, isOfGroup } from '../flux/api-groups.ts'
import { detachAnnotation, reconcileAnnotation } from '../flux/annotations.ts'
import { type ProbeFindings, foundAmong, suspendedTrouble, type Trouble } from './probe.ts'
import { problems } from './problems.ts'
import { rootCauses } from './root-causes.ts'
import type { Snapshot } from './snapshot.ts'
import { releaseNames } from '../flux/refs.ts'

/**
 * What a probe saw of the objects that Flux reconciles, as far as they are `mine`: those that fail, the one with the most others waiting
 * first; each followed by one line for all that only wait; then those whose controller does not run, and those suspended.
 * @param what how all of them are called: `Kustomizations`
 * @param more troubles that the objects themselves do not report, by the object's name
 */
export async function foundReconciled(
  snapshot: Snapshot,
  what: string,
  mine: (object: FluxObject) => boolean,
  more: ReadonlyMap<string, Judgement> = new Map(),
): Promise<ProbeFindings> {
  const [{ all }, read, namespace, stopped] = await Promise.all([
    snapshot.objects(),
    snapshot.judged(),
    snapshot.namespace(),
    snapshot.stopped(),
  ])
  const judged = more.size === 0 ? read : new Map([...read, ...more])
  const own = all.filter(mine)
  const names = new Set(own.map(({ name }) => name))
  const waiting = rootCauses(judged)
  const waitingFor = (name: string): number => waiting.get(name)?.length ?? 0
  const foldedBelow = (root: string): Trouble[] =>
    folded(
      root,
      (waiting.get(root) ?? []).filter((name) => names.has(name) && name !== root),
    )

  const causes = own.flatMap((object) => {
    const judgement = causeOf(object, judged, waiting)
    return judgement === undefined ? [] : [{ object, judgement }]
  })
  causes.sort((one, other) => waitingFor(other.object.name) - waitingFor(one.object.name))
  const fails = causes.flatMap(({ object, judgement }) => [
    troubleOf(object, judgement, snapshot.kubectl, namespace),
    ...foldedBelow(object.name),
  ])
  const reported = new Set(causes.map(({ object }) => object.name))
  const elsewhere = [...waiting.keys()].filter((root) => !reported.has(root) && judged.get(root)?.is !== 'busy')
  const suspended = own.flatMap((object) => {
    const { suspension } = object
    return judged.get(object.name)?.is === 'suspended' && suspension !== undefined
      ? [suspendedOf(object, suspension, snapshot.kubectl)]
      : []
  })
  const detached = own.flatMap((object) =>
    object.detachment === undefined ? [] : [detachedOf(object, object.detachment, snapshot.kubectl)],
  )
  const stale = staleAmong(own, judged, stopped)
  return foundAmong(describe(what, own, judged, stale), fails, [
    ...[...stale].flatMap(([controller, names]) => staleTroubles(listed(names), controller)),
    ...elsewhere.flatMap(foldedBelow),
    ...dueAmong(own, judged),
    ...suspended,
    ...detached,
  ])
}

/** Why an object fails by itself: what was seen of it, or that it waits for others that wait for it. */
function causeOf(
  { name }: FluxObject,
  judged: ReadonlyMap<string, Judgement>,
  waiting: ReadonlyMap<string, readonly string[]>,
): (Judgement & { is: 'fails' }) | undefined {
  const judgement = judged.get(name)
  if (judgement?.is === 'fails') return judgement
  if (judgement?.is !== 'waits' || !waiting.has(name)) return undefined
  return {
    is: 'fails',
    cause: 'circle',
    reason: `waits for ${judgement.on.join(', ')}, which wait for it: a dependsOn cycle`,
    since: judgement.since,
  }
}

/** Those that say nothing of now, by the controller that wrote their status last and does not run: Ready is what it was then. */
function staleAmong(
  own: readonly FluxObject[],
  judged: ReadonlyMap<string, Judgement>,
  stopped: Awaited<ReturnType<Snapshot['stopped']>>,
): ReadonlyMap<string, readonly string[]> {
  const stale = new Map<string, string[]>()
  for (const object of own) {
    const { name, reportsReady } = object
    const is = judged.get(name)?.is
    const controller = reportsReady && (is === 'healthy' || is === 'busy') ? stopped(object) : undefined
    if (controller === undefined) continue
    const others = stale.get(controller)
    if (others === undefined) stale.set(controller, [name])
    else others.push(name)
  }
  return stale
}

/** What is to be known of objects whose controller does not run, if there is one that does not: their state is not that of now. */
export function staleTroubles(object: string, stopped: string | undefined): Trouble[] {
  return stopped === undefined ? [] : [{ object, reason: `${stopped} does not run: this is the state that it last reported` }]
}

function describe(
  what: string,
  own: readonly FluxObject[],
  judged: ReadonlyMap<string, Judgement>,
  stale: ReadonlyMap<string, readonly string[]>,
): string {
  const staleNames = new Set([...stale.values()].flat())
  const counts: Partial<Record<Judgement['is'], number>> = {}
  for (const { name } of own) {
    const is = judged.get(name)?.is
    if (is !== undefined && !staleNames.has(name)) counts[is] = (counts[is] ?? 0) + 1
  }
  const parts: [Judgement['is'], string][] = [
    ['fails', 'not Ready'],
    ['waits', 'waiting for others'],
    ['due', 'to be tried again, now that what they waited for is Ready'],
    ['suspended', 'suspended'],
    ['busy', 'on their way'],
  ]
  const reported = [
    ...parts.flatMap(([is, words]) => (counts[is] === undefined ? [] : [`${counts[is]} ${words}`])),
    ...(staleNames.size === 0 ? [] : [`${staleNames.size} in the state last reported`]),
  ]
  if (own.length === 0) return `no ${what}`
  return reported.length === 0 ? `${own.length} ${what} Ready` : `of ${own.length} ${what}: ${reported.join(', ')}`
}

function troubleOf(object: FluxObject, { cause, reason, since }: Judgement & { is: 'fails' }, kubectl: string, namespace: string): Trouble {
  const { ref, name } = object
  const isOperator = ref.kind === 'HelmRelease' && ref.name === releaseNames.operator && ref.namespace === namespace
  return {
    object: name,
    cause,
    reason,
    since,
    next: `${kubectl} --namespace ${ref.namespace} describe ${kindArgument(ref)} ${ref.name}`,
    ...(isOperator ? { problem: problems.operatorStuck } : {}),
  }
}

function suspendedOf({ ref, name }: FluxObject, suspension: Suspension, kubectl: string): Trouble {
  const place = `${kubectl} --namespace ${ref.namespace}`
  const kind = kindArgument(ref)
  const next = isOfGroup(ref, apiGroups.operator)
    ? `${place} annotate ${kind} ${ref.name} ${reconcileAnnotation}-`
    : `${place} patch ${kind} ${ref.name} --type=merge --patch '{"spec":{"suspend":null}}'`
  return suspendedTrouble(name, suspension, next)
}

function detachedOf({ ref, name }: FluxObject, suspension: Suspension, kubectl: string): Trouble {
  const { by, via, since } = suspension
  return {
    object: name,
    reason: `is not applied from Git: annotated ${detachAnnotation}: disabled by ${by} (${via})`,
    ...(since === undefined ? {} : { since }),
    next: `${kubectl} --namespace ${ref.namespace} annotate ${kindArgument(ref)} ${ref.name} ${detachAnnotation}-`,
    suspension,
  }
}

/** All that only wait for one object, in one line. */
function folded(root: string, waiting: readonly string[]): Trouble[] {
  const verb = waiting.length === 1 ? 'only waits' : 'only wait'
  return waiting.length === 0 ? [] : [{ object: listed(waiting), reason: `${verb} for ${root}` }]
}

/** Those that waited for one object, which is Ready again: in one line too. */
function dueAmong(own: readonly FluxObject[], judged: ReadonlyMap<string, Judgement>): Trouble[] {
  const due = own.flatMap(({ name }) => {
    const judgement = judged.get(name)
    return judgement?.is === 'due' ? [{ name, ...judgement }] : []
  })
  return groupedBy(due, ({ after, since }) => `${after.join(', ')}, which is Ready since ${since}`).map((group) => {
    const [{ after, since }] = group
    const again = 'tried again within half a minute, later if many are queued'
    return {
      object: listed(group.map(({ name }) => name)),
      reason: `waited for ${after.join(', ')}, which is Ready again: ${again}`,
      since,
    }
  })
}

/** The first three by name, the others counted. */
function listed(names: readonly string[]): string {
  const [first = '', second, third, ...others] = names
  const named = [first, second, third].filter((name) => name !== undefined).join(', ')
  return `${named}${others.length === 0 ? '' : ` and ${others.length} more`}`
}
