import { setTimeout as pause } from 'node:timers/promises'
import { showDuration } from '../../../base/duration.ts'
import { messageOf, OperatorError } from '../../../base/errors.ts'
import { compareSurvival } from '../../../continuity/compare.ts'
import type { Fingerprint } from '../../../continuity/fingerprint.ts'
import type { ProbeResult } from '../../../health/probe.ts'
import { kinds, type KubeObject, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { RecoverResult } from './call-recover.ts'
import { type Damage, damagesOf } from './damages.ts'
import type { Loss, Round } from './objects.ts'
import type { LossOutcome } from './outcome.ts'
import { newTroubles, noticedBy, troublesOf } from './troubles.ts'

/** What a round does to, and asks of, the place it happens in. */
export interface LossEnvironment {
  readonly probe: () => Promise<readonly ProbeResult[]>
  readonly live: (ref: Ref) => Promise<KubeObject | undefined>
  readonly inject: (loss: Loss) => Promise<void>
  readonly undo: (loss: Loss) => Promise<void>
  readonly recover: () => Promise<RecoverResult>
  readonly fingerprint: () => Promise<Fingerprint>
  /** Commits something new; returns when Flux has applied it. */
  readonly commitApplied: () => Promise<void>
  readonly progress: (text: string) => void
  readonly signal: AbortSignal
}

/** The longest interval within which Flux looks after what it consists of, in milliseconds. */
const interval = 60_000
/** How long Flux has to restore something by itself before recover.ts is called. */
const patience = interval + 15_000
const between = 500

/** Has one round of losses happen, waits until it is noticed and repaired, and a new commit applied afterwards. */
export async function playRound(planned: Round, objectiveMs: number, environment: LossEnvironment): Promise<LossOutcome> {
  const before = await environment.fingerprint()
  const round = await Promise.all(planned.map((loss) => renewed(loss, environment)))
  const watch = await watchRound(round, environment)
  const course = newCourse()
  try {
    environment.progress('damaged')
    for (const loss of inOrder(round)) await environment.inject(loss)
    await repair(round, watch, course, environment)
    await environment.commitApplied()
    if (await watch.untilHealthy(patience)) course.recoveredMs = watch.since()
    else course.failure = `not healthy after a new commit: ${watch.problem()}`
  } catch (thrown) {
    environment.signal.throwIfAborted()
    course.failure = messageOf(thrown)
  }
  const { changed, missing } = compareSurvival(before, await environment.fingerprint())
  const lost = [...changed, ...missing]
  const isNamed = lost.every((name) => course.said.includes(name))
  const failure = lost.length === 0 || isNamed ? course.failure : `did not survive, and was not announced before: ${lost.join(', ')}`
  return {
    objects: round.map(({ object }) => object),
    damages: round.map(({ damage }) => damage.name),
    noticed: watch.noticed()?.probe ?? null,
    detectedMs: watch.noticed()?.afterMs ?? null,
    harmless: course.harmless ?? null,
    healedBy: failure === undefined ? course.healedBy : 'nobody',
    recoveredMs: failure === undefined ? course.recoveredMs : null,
    objectiveMs,
    survived: lost.length === 0,
    announced: lost.length > 0 && isNamed,
    recognised: [...course.recognised],
    failure: failure ?? null,
  }
}

/** What takes others with it, or refuses every write, comes last: the other of a pair could not be brought about any more. */
const last: readonly string[] = [fluxKinds.kustomization.kind, fluxKinds.fluxInstance.kind, kinds.crd.kind, kinds.namespace.kind]

function inOrder(round: Round): Round {
  return [...round].sort((one, other) => last.indexOf(one.ref.kind) - last.indexOf(other.ref.kind))
}

/** Whether every object of a round is there, and can be damaged as planned: an earlier round may have cost one. */
export async function isPossible(round: Round, { live }: Pick<LossEnvironment, 'live'>): Promise<boolean> {
  const found = await Promise.all(round.map(async ({ ref, damage }) => damageNow(await live(ref), damage.name)))
  return found.every((damage) => damage !== undefined)
}

function damageNow(now: KubeObject | undefined, name: string): Damage | undefined {
  return now === undefined || now.metadata.deletionTimestamp !== undefined ? undefined : damagesOf(now).find((one) => one.name === name)
}

/** The same damage to the object as it is now: an earlier one may have had it recreated. */
async function renewed({ ref, object, damage }: Loss, { live }: LossEnvironment): Promise<Loss> {
  const again = damageNow(await live(ref), damage.name)
  if (again === undefined) throw new OperatorError(`${object} no longer exists, or cannot be damaged in this way: ${damage.name}`)
  return { ref, object, damage: again }
}

/** What has come of a round so far. */
interface RoundState {
  healedBy: LossOutcome['healedBy']
  harmless: string | undefined
  recoveredMs: number | null
  failure: string | undefined
  said: string
  readonly recognised: Set<string>
}

function newCourse(): RoundState {
  return { healedBy: 'nobody', harmless: undefined, recoveredMs: null, failure: undefined, said: '', recognised: new Set() }
}

/** Flux first, unless only a person can end it; then recover.ts; then the person, and both again. */
async function repair(round: Round, watch: Watch, course: RoundState, environment: LossEnvironment): Promise<void> {
  const isPersons = round.some(({ damage }) => damage.undo !== undefined)
  environment.progress('waiting until it is noticed or repaired')
  if (await watch.untilHealthy(patience, isPersons)) {
    course.healedBy = 'flux'
    if (watch.noticed() === undefined)
      await proveHarmless(`repaired by Flux within ${showDuration(watch.since())}, before a check`, watch, course)
    return
  }
  if (watch.noticed() === undefined) {
    await proveHarmless('nothing of Flux depends on it', watch, course)
    await undoAll(round, environment)
    course.healedBy = isPersons ? 'person' : 'nobody'
    return
  }
  if (await callRecover(watch, course, environment)) return
  if (isPersons) {
    environment.progress('the drill undoes it')
    await undoAll(round, environment)
    course.healedBy = 'person'
    if (await watch.untilHealthy(patience)) return
    if (await callRecover(watch, course, environment)) return
  }
  course.healedBy = 'nobody'
  course.failure = watch.problem()
}

/** What refuses every write goes first. */
async function undoAll(round: Round, { undo }: LossEnvironment): Promise<void> {
  for (const loss of inOrder(round).toReversed()) await undo(loss)
}

async function callRecover(watch: Watch, course: RoundState, environment: LossEnvironment): Promise<boolean> {
  environment.progress(`noticed by ${watch.noticed()?.probe}: recover.ts is called`)
  const { isDone, hasChanged, recognised, said } = await environment.recover()
  for (const id of recognised) course.recognised.add(id)
  course.said += said
  if (!(await watch.untilHealthy(isDone ? patience : 0))) return false
  course.healedBy = hasChanged ? 'recover' : course.healedBy === 'person' ? 'person' : 'flux'
  return true
}

/** Two intervals after the damage all is healthy, and stays so. */
async function proveHarmless(why: string, watch: Watch, course: RoundState): Promise<void> {
  await watch.untilOld(2 * interval)
  if (await watch.isHealthyNow()) course.harmless = why
  else course.failure = `considered harmless, but is not: ${watch.problem()}`
}

/** What is seen of a round from the damage on. */
interface Watch {
  readonly since: () => number
  readonly noticed: () => { readonly probe: string; readonly afterMs: number } | undefined
  /** What is still amiss, in words. */
  readonly problem: () => string
  /** Until every object is back and nothing new unhealthy; false after so long, or as soon as it is noticed where that is asked for. */
  readonly untilHealthy: (within: number, orNoticed?: boolean) => Promise<boolean>
  readonly isHealthyNow: () => Promise<boolean>
  readonly untilOld: (age: number) => Promise<void>
}

async function watchRound(round: Round, environment: LossEnvironment): Promise<Watch> {
  const calm = troublesOf(await environment.probe())
  const began = Date.now()
  const names = round.map(({ object }) => object)
  let noticed: ReturnType<Watch['noticed']>
  let problem = ''
  const since = (): number => Date.now() - began
  const check = async (): Promise<{ isBack: boolean; isGreen: boolean }> => {
    const news = newTroubles(troublesOf(await environment.probe()), calm)
    const probe = noticedBy(news, names)
    if (noticed === undefined && probe !== undefined) noticed = { probe, afterMs: since() }
    const back = await Promise.all(round.map(async ({ ref, damage }) => damage.isBack(await environment.live(damage.seen ?? ref))))
    const away = names.filter((_, at) => back[at] !== true)
    const unhealthy = news.filter(({ state }) => state === 'fail' || state === 'unknown')
    problem = [...unhealthy.map(({ object, reason }) => `${object}: ${reason}`), ...away.map((name) => `${name} is not as before`)]
      .slice(0, 3)
      .join('; ')
    return { isBack: away.length === 0, isGreen: unhealthy.length === 0 }
  }
  return {
    since,
    noticed: () => noticed,
    problem: () => problem,
    async untilHealthy(within, orNoticed = false) {
      const deadline = Date.now() + within
      for (;;) {
        const { isBack, isGreen } = await check()
        if (isBack && isGreen) return true
        if ((orNoticed && noticed !== undefined) || Date.now() >= deadline) return false
        await pause(between, undefined, { signal: environment.signal })
      }
    },
    isHealthyNow: async () => (await check()).isGreen,
    untilOld: (age) => pause(Math.max(0, age - since()), undefined, { signal: environment.signal }),
  }
}
