import { counted } from '../../../base/counted.ts'
import { join } from 'node:path'
import * as v from 'valibot'
import { environmentOf, type DrillTarget } from '../environment.ts'
import { canaryIn } from '../canary.ts'
import { drillFlags, eachLoss } from '../flags.ts'
import { findPlace, reachGoodState } from '../place.ts'
import { minute, type LabPowers } from '../scenario.ts'
import { callRecover } from './call-recover.ts'
import { drawMatrix } from './matrix-page.ts'
import { reportLosses } from './matrix.ts'
import { keyOf, lossesOf, type Round, roundsOf } from './objects.ts'
import { isMet, type LossOutcome, lossSchema } from './outcome.ts'
import { isPossible, type LossEnvironment, playRound } from './round.ts'
import { parseDuration, showDuration } from '../../../base/duration.ts'
import { messageOf, OperatorError } from '../../../base/errors.ts'
import { putFile } from '../../../base/write-atomic.ts'
import { readInstallation } from '../../../flux/installation.ts'
import { allProbes } from '../../../health/all-probes.ts'
import { runProbes } from '../../../health/probe.ts'
import { snapshotOf } from '../../../health/snapshot.ts'
import { failedWith } from '../../../runner/execute.ts'
import { drawOf } from '../verify-flags.ts'
import { chooseRun } from '../../../runner/resume.ts'
import type { CommandContext } from '../../../runner/run-command.ts'
import type { RunResult } from '../../../runner/run-result.ts'
import { findInterrupted } from '../../../runner/run-store.ts'

type LossStage = CommandContext<typeof drillFlags>

const snapshot = 'each-loss'
/** A namespace, a CustomResourceDefinition and the FluxInstance take more with them than one object. */
const largeKinds = ['Namespace', 'CustomResourceDefinition', 'FluxInstance']
const notesSchema = v.object({ losses: v.array(lossSchema) })

/** Damages one object of the lab's Flux after the other, or pairs of them, each from a good state; an interrupted drill continues. */
export async function drillEachLoss(stage: LossStage): Promise<RunResult> {
  const { own, target, session, console, record, shared, again } = stage
  if (!target.isLab) {
    const what = 'the scenario each-loss is possible only in the lab: it damages every object of Flux'
    throw new OperatorError(what, { kind: 'usage', remedy: `npx zx scripts/drill.ts --lab --scenario ${eachLoss}` })
  }
  const draw = drawOf(own)
  const installation = await readInstallation(session.cluster)
  if (shared['dry-run'] === true) {
    const rounds = roundsOf(await lossesOf(snapshotOf(stage), own.only), draw)
    for (const round of rounds) console.answer.line(keyOf(round))
    return {
      outcome: 'planned',
      report: reportLosses([]),
      isAnswer: true,
      verdict: `${counted(rounds.length, 'loss', 'losses')} to rehearse`,
    }
  }
  const earlier = await earlierRun(stage)
  if (earlier !== undefined) record.continueAs(earlier)
  // What failed is rehearsed again: the person has done something about it.
  const outcomes = earlier === undefined ? [] : v.parse(notesSchema, earlier.notes).losses.filter(isMet)
  const place = await findPlace(stage, installation)
  const { lab } = place
  if (lab === undefined)
    throw new OperatorError('each-loss needs the folder of the cluster in Git', { kind: 'blocked', remedy: again('--cluster', 'infra') })
  record.keepIn(target.runs)
  record.memory.write({ losses: outcomes })
  try {
    await begin(stage, place, lab, earlier !== undefined)
    const rounds = roundsOf(await lossesOf(snapshotOf(stage), own.only), draw)
    console.line(`${counted(rounds.length, 'loss', 'losses')}, seed ${draw.seed}; ${outcomes.length} were rehearsed before`)
    const done = new Set(
      outcomes.map(({ objects, damages }) => keyOf(objects.map((object, at) => ({ object, damage: { name: damages[at] ?? '' } })))),
    )
    for (const [at, round] of rounds.entries()) {
      if (done.has(keyOf(round))) continue
      outcomes.push(await rehearseRound(stage, place, lab, { round, title: `${at + 1}/${rounds.length} ${keyOf(round)}` }))
      record.memory.write({ losses: outcomes })
      keepPage(stage, outcomes)
    }
    return { ...endingOf(outcomes), report: reportLosses(outcomes) }
  } catch (thrown) {
    const { outcome, failure } = failedWith(thrown, stage.signal, again, { hasBegun: true })
    return { outcome, ...(failure === undefined ? {} : { failure }), report: reportLosses(outcomes) }
  } finally {
    keepPage(stage, outcomes)
  }
}

/** The run to resume; one of another drill is none. */
async function earlierRun({ target, session, shared, again }: LossStage): ReturnType<typeof chooseRun> {
  const found = findInterrupted(target.runs, target.context, 'drill', shared.resume)
  if (shared.resume === undefined && (found === undefined || !v.is(notesSchema, found.notes))) return undefined
  const { server } = session.access
  const place = { home: target.runs, context: target.context, server, uid: session.uid, again }
  const run = await chooseRun(place, 'drill', shared.resume, shared.fresh === true)
  if (run === undefined || v.is(notesSchema, run.notes)) return run
  throw new OperatorError(`the run ${run.runId} is another kind of drill, which cannot be resumed`, {
    kind: 'usage',
    remedy: again('--fresh'),
  })
}

/** The good state that every round begins from, kept to come back to. */
async function begin(stage: LossStage, place: DrillTarget, lab: LabPowers, isContinued: boolean): Promise<void> {
  const waiting = stage.console.wait('the healthy state that each loss starts from')
  try {
    const environment = environmentOf(stage, place, (text) => waiting.on(text))
    if (isContinued) return await resetLab(stage, lab, (text) => waiting.on(text))
    await reachGoodState(stage, place, environment.problem, (text) => waiting.on(text))
    await environment.ensureCanary()
    await lab.snapshot(snapshot)
  } finally {
    waiting.stop()
  }
}

async function rehearseRound(
  stage: LossStage,
  place: DrillTarget,
  lab: LabPowers,
  { round, title }: { readonly round: Round; readonly title: string },
): Promise<LossOutcome> {
  const { console, own } = stage
  const waiting = console.wait(title)
  const progress = (text: string): void => waiting.on(`${title}: ${text}`)
  try {
    const isLarge = round.some(({ ref }) => largeKinds.includes(ref.kind))
    const objective = own.objective === undefined ? undefined : parseDuration(own.objective)
    const environment = lossEnvironment(stage, place, progress)
    if (!(await isPossible(round, environment))) await resetLab(stage, lab, progress)
    const outcome = await playRound(round, objective ?? (isLarge ? 15 : 5) * minute, environment)
    if (isMet(outcome)) waiting.success(describe(title, outcome))
    else waiting.failure(describe(title, outcome))
    // A large one may have cost the drill's own Kustomization, without which no workload is at stake any more.
    const isWhole = !isLarge || (await environment.live(canaryIn(place.namespace))) !== undefined
    const isClean = isMet(outcome) && outcome.survived && outcome.healedBy !== 'nobody' && isWhole
    if (!isClean) await resetLab(stage, lab, progress)
    // With a CustomResourceDefinition goes the Kustomization that would prune the workloads, which nothing in Git recreates.
    else if (isLarge) await environmentOf(stage, place, progress).ensureCanary()
    return outcome
  } finally {
    waiting.stop()
  }
}

function lossEnvironment(stage: LossStage, place: DrillTarget, progress: (text: string) => void): LossEnvironment {
  const { session, signal, console, record } = stage
  const environment = environmentOf(stage, place, progress)
  const reported = (line: string): void => {
    record.log(`recover: ${line}`)
    if (console.isTerminal) progress(line)
  }
  return {
    probe: () => runProbes(allProbes, snapshotOf(stage)),
    live: (ref) => session.cluster.get(ref),
    inject: ({ object, damage }) =>
      environment.inject({
        name: eachLoss,
        title: object,
        injects: damage.name,
        objectiveMs: 0,
        inject: ({ cluster }) => damage.inject(cluster),
      }),
    undo: async ({ damage }) => damage.undo?.(session.cluster),
    recover: () => callRecover(place.flags, reported, signal),
    fingerprint: environment.fingerprint,
    commitApplied: environment.commitApplied,
    progress,
    signal,
  }
}

/** Everything as it was at the beginning, clusters and Git, and all healthy. */
async function resetLab(stage: LossStage, lab: LabPowers, progress: (text: string) => void): Promise<void> {
  progress('resetting the lab')
  await lab.reset(snapshot)
  const deadline = Date.now() + Math.min(stage.timeout, 3 * minute)
  for (;;) {
    const results = await runProbes(allProbes, snapshotOf(stage))
    const unhealthy = results.find(({ state }) => state === 'fail' || state === 'unknown')
    if (unhealthy === undefined) return
    if (Date.now() > deadline) throw new OperatorError(`the lab is not healthy after it was reset: ${unhealthy.title}: ${unhealthy.detail}`)
    progress(`resetting the lab: ${unhealthy.title}: ${unhealthy.detail}`)
  }
}

function describe(title: string, { noticed, detectedMs, harmless, healedBy, recoveredMs, failure, survived }: LossOutcome): string {
  const seen = harmless ?? (noticed === null ? 'not noticed' : `noticed by ${noticed} after ${showDuration(detectedMs ?? 0)}`)
  const recovery = recoveredMs === null ? 'not recovered' : `healthy after ${showDuration(recoveredMs)}, by ${healedBy}`
  return `${title}: ${seen}; ${recovery}${survived ? '' : '; workloads were lost'}${failure === null ? '' : `; ${failure}`}`
}

/** At most a tenth may be harmless: who calls more so does not look closely enough. */
function endingOf(outcomes: readonly LossOutcome[]): RunResult {
  const missed = outcomes.filter((outcome) => !isMet(outcome))
  const harmless = outcomes.filter((outcome) => outcome.harmless !== null).length
  const isTooMany = outcomes.length >= 10 && harmless > outcomes.length / 10
  const verdict = `${counted(outcomes.length, 'loss', 'losses')}: ${outcomes.length - missed.length} noticed and repaired, or harmless (${harmless})`
  if (missed.length === 0 && !isTooMany) return { outcome: 'done', verdict }
  const what =
    missed.length > 0
      ? `${missed.length} of ${counted(outcomes.length, 'loss', 'losses')} failed`
      : `${harmless} of ${outcomes.length} are considered harmless`
  return { outcome: 'failed', failure: new OperatorError(what, { remedy: 'report.md of this run names each' }) }
}

function keepPage({ record, target, session, redactor, console }: LossStage, outcomes: readonly LossOutcome[]): void {
  const { startedAt, operator } = record
  const facts = {
    context: target.context,
    server: session.access.server,
    operator,
    runId: record.runId(),
    startedAt,
    finishedAt: new Date().toISOString(),
  }
  try {
    putFile(join(record.memory.folder(), 'report.html'), redactor.clean(drawMatrix(facts, outcomes)))
  } catch (error) {
    console.warning(messageOf(error))
  }
}
