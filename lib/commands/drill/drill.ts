import { counted } from '../../base/counted.ts'
import { join } from 'node:path'
import { environmentOf } from './environment.ts'
import { drawReport } from './html-report.ts'
import { type DrillOutcome, unnoticed } from './outcome.ts'
import { drillEachLoss } from './losses/each-loss.ts'
import { eachLoss, type drillFlags } from './flags.ts'
import { wantedOf } from './verify-flags.ts'
import { findPlace, reachGoodState } from './place.ts'
import { rehearse } from './rehearse.ts'
import type { Scenario } from './scenario.ts'
import { chooseScenarios, type DrillEnvironment } from './faults/scenarios.ts'
import { parseDuration, showDuration } from '../../base/duration.ts'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { putFile } from '../../base/write-atomic.ts'
import { describeCluster } from '../../connection/target.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import { failedWith } from '../../runner/execute.ts'
import { verifySameCluster } from '../../runner/resume.ts'
import { askText, canAsk } from '../../terminal/prompt.ts'
import type { RunResult } from '../../runner/run-result.ts'
import type { DocumentFields } from '../../runner/report.ts'
import { type Installation, readInstallation } from '../../flux/installation.ts'

type DrillStage = CommandContext<typeof drillFlags>

/** Rehearses failures on purpose: every loss of one object, or the scenarios that are named. */
export async function drill(stage: DrillStage): Promise<RunResult> {
  const wanted = wantedOf(stage.own, stage.again)
  return wanted === eachLoss ? drillEachLoss(stage) : drillScenarios(stage, wanted)
}

/** What decides which disasters can be rehearsed on this cluster. */
function drillEnvironmentOf({ target, session }: DrillStage, { expectsOperator, installedBy }: Installation): DrillEnvironment {
  return {
    isLab: target.isLab,
    isOperators: expectsOperator,
    hasInstaller: expectsOperator || (installedBy === 'cli' && session.tools.flux !== undefined),
    hasFolder: target.inGit !== undefined,
    hasSettings: target.inGit !== undefined && target.inGit.path === undefined,
  }
}

/** Rehearses one disaster after the other, from one good state to the next; stops where a cluster does not come back. */
async function drillScenarios(stage: DrillStage, wanted: string): Promise<RunResult> {
  const { own, shared, target, console, record, again } = stage
  const installation = await readInstallation(stage.session.cluster)
  const chosen = chooseScenarios(wanted, again, drillEnvironmentOf(stage, installation))
  const objectiveOf = ({ objectiveMs }: Scenario): number =>
    own.objective === undefined ? objectiveMs : (parseDuration(own.objective) ?? 0)
  const plan = shared['dry-run'] === true ? console.answer : console
  plan.line()
  plan.line(`Drill on ${describeCluster(target, stage.session.access.server)}`)
  for (const [at, scenario] of chosen.entries()) {
    plan.line(`${`${at + 1}.`.padStart(4)} ✖ ${scenario.title}: ${scenario.injects}; objective ${showDuration(objectiveOf(scenario))}`)
  }
  plan.line()
  if (shared['dry-run'] === true) return { outcome: 'planned', report: reportDrill([]), isAnswer: true }
  verifyAskable(stage)
  const { context, isLab, runs: home, where } = target
  const cluster = { home, context, server: stage.session.access.server, uid: stage.session.uid, again }
  await verifySameCluster(cluster, isLab, `npx zx scripts/bootstrap.ts ${where} --new-cluster`)
  const place = await findPlace(stage, installation)
  record.keepIn(target.runs)
  const outcomes: DrillOutcome[] = []
  let current: Scenario | undefined
  try {
    for (const [at, scenario] of chosen.entries()) {
      await consentTo(scenario, stage)
      const title = `${at + 1}/${chosen.length} ${scenario.title}`
      const waiting = console.wait(title)
      try {
        const environment = environmentOf(stage, place, (text) => waiting.on(`${title}: ${text}`))
        await reachGoodState(stage, place, environment.problem, (text) => waiting.on(`${title}: ${text}`))
        if (target.isLab) await environment.ensureCanary()
        current = scenario
        const outcome = await rehearse(scenario, objectiveOf(scenario), environment)
        current = undefined
        outcomes.push(outcome)
        if (outcome.met) waiting.success(describe(outcome))
        else waiting.failure(describe(outcome))
      } finally {
        waiting.stop()
      }
      if (outcomes.at(-1)?.recoveredMs === undefined) break
    }
    return { ...endingOf(outcomes, chosen, stage), report: reportDrill(outcomes) }
  } catch (thrown) {
    return { ...brokenOff(thrown, current, stage), report: reportDrill(outcomes) }
  } finally {
    keepPage(stage, outcomes)
  }
}

function describe({ title, detectedMs, recoveredMs, objectiveMs, failure }: DrillOutcome): string {
  const noticed = detectedMs === undefined ? '' : `noticed after ${showDuration(detectedMs)}, `
  const recovered = recoveredMs === undefined ? 'not recovered' : `recovered after ${showDuration(recoveredMs)}`
  return `${title}: ${noticed}${recovered}, objective ${showDuration(objectiveMs)}${failure === undefined ? '' : `; ${failure}`}`
}

/** The command that comes after a drill which left a cluster broken. */
function recoverIt({ target }: { readonly target: Pick<DrillStage['target'], 'where'> }): string {
  return `npx zx scripts/recover.ts ${target.where}`
}

/** What was cancelled, or failed, outside a rehearsal's own account; `current` was injected by then, and was not seen repaired. */
function brokenOff(thrown: unknown, current: Scenario | undefined, stage: DrillStage): RunResult {
  const { outcome, failure } = failedWith(thrown, stage.signal, stage.again, { hasBegun: current !== undefined })
  const what = outcome === 'cancelled' ? 'stopped' : messageOf(thrown)
  if (current !== undefined) {
    const state = `${stage.target.context} is as ${current.name} left it`
    const kind = outcome === 'cancelled' ? 'cancelled' : 'failed'
    return { outcome: kind, failure: new OperatorError(`${what}; ${state}`, { kind, remedy: recoverIt(stage), cause: thrown }) }
  }
  if (outcome !== 'cancelled') return failure === undefined ? { outcome } : { outcome, failure }
  return {
    outcome,
    failure: new OperatorError('stopped between two scenarios; nothing more was broken', { kind: 'cancelled', cause: thrown }),
  }
}

function endingOf(outcomes: readonly DrillOutcome[], chosen: readonly Scenario[], stage: DrillStage): RunResult {
  const { target } = stage
  const missed = outcomes.filter(({ met }) => !met)
  if (missed.length === 0) return { outcome: 'done' }
  const isLost = outcomes.at(-1)?.recoveredMs === undefined
  const left = chosen.length - outcomes.length
  const what = `${missed.length} of ${counted(outcomes.length, 'objective')} not met: ${missed.map(({ name }) => name).join(', ')}`
  const state = isLost
    ? `. ${target.context} is as ${missed.at(-1)?.name} left it${left === 0 ? '' : `; ${left === 1 ? '1 scenario was' : `${left} scenarios were`} not started`}`
    : ''
  return { outcome: 'failed', failure: new OperatorError(`${what}${state}`, isLost ? { remedy: recoverIt(stage) } : {}) }
}

/** What the document and the report say of the disasters. */
export function reportDrill(outcomes: readonly DrillOutcome[]): DocumentFields {
  const rows = outcomes.map(({ title, detectedMs, recoveredMs, objectiveMs, met, survival }) => [
    title,
    detectedMs === undefined ? unnoticed(recoveredMs) : showDuration(detectedMs),
    recoveredMs === undefined ? 'no' : showDuration(recoveredMs),
    showDuration(objectiveMs),
    met ? 'met' : 'not met',
    `${survival.checked} checked, ${survival.changed + survival.missing} lost`,
  ])
  const why = outcomes.flatMap(({ title, failure }) => (failure === undefined ? [] : [`- ${title}: ${failure}`]))
  const head = ['disaster', 'noticed after', 'recovered after', 'objective', '', 'workloads']
  return {
    fields: {
      scenarios: outcomes.map(({ detectedMs = null, recoveredMs = null, ...others }) => ({ ...others, detectedMs, recoveredMs })),
    },
    sections: [{ title: 'Disasters', table: [head, ...rows] }, ...(why.length === 0 ? [] : [{ title: 'What failed', lines: why }])],
  }
}

/** The page to print, beside report.md and report.json. */
function keepPage({ record, target, session, redactor, console }: DrillStage, outcomes: readonly DrillOutcome[]): void {
  const { startedAt, operator } = record
  const { server } = session.access
  const facts = { context: target.context, server, operator, runId: record.runId(), startedAt, finishedAt: new Date().toISOString() }
  try {
    putFile(join(record.memory.folder(), 'report.html'), redactor.clean(drawReport(facts, outcomes)))
  } catch (error) {
    console.warning(messageOf(error))
  }
}

/** A lab is there to be broken; a real cluster's name has to be typed before each fault, unless --destroy names it. */
function verifyAskable({ target, shared, session, again }: DrillStage): void {
  if (target.isLab || shared.destroy === target.context || canAsk()) return
  throw new OperatorError(`nothing was changed: a drill breaks ${describeCluster(target, session.access.server)} on purpose`, {
    kind: 'usage',
    remedy: again(`--destroy=${target.context}`),
  })
}

async function consentTo({ title, injects }: Scenario, { target, shared, session, console, again }: DrillStage): Promise<void> {
  if (target.isLab || shared.destroy === target.context) return
  console.warning(`${title}: this ${injects}, on ${describeCluster(target, session.access.server)}`)
  if ((await askText(`To consent, type the context's name, ${target.context}:`)) === target.context) return
  throw new OperatorError(`that is not ${target.context}; this scenario was not started`, {
    kind: 'usage',
    remedy: `if that is the cluster you mean, type ${target.context} at: ${again()}`,
  })
}
