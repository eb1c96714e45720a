import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { callScript } from '../drill/call-script.ts'
import { groundOf, type Place } from '../drill/ground.ts'
import { drawReport } from '../drill/html-report.ts'
import type { DrillOutcome } from '../drill/outcome.ts'
import { rehearse } from '../drill/rehearse.ts'
import type { Scenario } from '../drill/scenario.ts'
import { chooseScenarios, scenarios } from '../drill/scenarios.ts'
import { parseDuration, showDuration } from '../duration.ts'
import { messageOf, OperatorError } from '../errors.ts'
import type { Flags } from '../flags.ts'
import type { Stage } from '../on-clusters.ts'
import { failedWith } from '../procedure.ts'
import { askText, canAsk } from '../prompt.ts'
import type { Ending } from '../record.ts'
import type { Telling } from '../report.ts'
import { fetchTree } from '../tree.ts'

export const drillFlags = {
  scenario: { type: 'string', value: 'NAME,…|all', help: `which disasters: all, or of ${scenarios.map(({ name }) => name).join(', ')}` },
  objective: { type: 'string', value: '15m', help: "the time to recovery to aim at, instead of each scenario's own", format: 'duration' },
} as const satisfies Flags
type DrillStage = Stage<typeof drillFlags>

/** Rehearses one disaster after the other, from one good state to the next; stops where a cluster does not come back. */
export async function drill(stage: DrillStage): Promise<Ending> {
  const { own, shared, target, console, record } = stage
  if (own.scenario === undefined) {
    throw new OperatorError('which disasters? --scenario is mandatory', {
      kind: 'usage',
      remedy: `--scenario all, or some of ${scenarios.map(({ name }) => name).join(', ')}`,
    })
  }
  const chosen = chooseScenarios(own.scenario, target.isLab)
  const objectiveOf = ({ objectiveMs }: Scenario): number =>
    own.objective === undefined ? objectiveMs : (parseDuration(own.objective) ?? 0)
  console.line()
  console.line(`Drill on ${target.context} (${target.isLab ? 'the lab' : 'a real cluster'}, ${stage.session.access.server})`)
  for (const [at, scenario] of chosen.entries()) {
    console.line(`${`${at + 1}.`.padStart(4)} ✖ ${scenario.title}: ${scenario.strikes}; objective ${showDuration(objectiveOf(scenario))}`)
  }
  console.line()
  if (shared['dry-run'] === true) return { outcome: 'planned', telling: tell([]) }
  verifyAskable(stage)
  const place = await findPlace(stage)
  record.keepIn(target.runs)
  const outcomes: DrillOutcome[] = []
  let struck: Scenario | undefined
  try {
    for (const [at, scenario] of chosen.entries()) {
      await consentTo(scenario, stage)
      const title = `${at + 1}/${chosen.length} ${scenario.title}`
      const waiting = console.wait(title)
      try {
        const ground = groundOf(stage, place, (text) => waiting.on(`${title}: ${text}`))
        await reachGoodState(stage, place, ground.ailment, (text) => waiting.on(`${title}: ${text}`))
        if (target.isLab) await ground.ensureWitness()
        struck = scenario
        const outcome = await rehearse(scenario, objectiveOf(scenario), ground)
        struck = undefined
        outcomes.push(outcome)
        if (outcome.met) waiting.success(describe(outcome))
        else waiting.failure(describe(outcome))
      } finally {
        waiting.stop()
      }
      if (outcomes.at(-1)?.recoveredMs === undefined) break
    }
    return { ...endingOf(outcomes, chosen, stage), telling: tell(outcomes) }
  } catch (thrown) {
    return { ...brokenOff(thrown, struck, stage), telling: tell(outcomes) }
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
function recoverIt({ target }: DrillStage): string {
  return `npx zx scripts/recover.ts ${target.where}`
}

/** What was cancelled, or failed, outside a rehearsal's own account; `struck` had struck by then, and was not seen mended. */
function brokenOff(thrown: unknown, struck: Scenario | undefined, stage: DrillStage): Ending {
  const { outcome, failure } = failedWith(thrown, stage.signal, struck !== undefined)
  const what = outcome === 'cancelled' ? 'stopped' : messageOf(thrown)
  if (struck !== undefined) {
    const state = `${stage.target.context} is as ${struck.name} left it`
    const kind = outcome === 'cancelled' ? 'cancelled' : 'failed'
    return { outcome: kind, failure: new OperatorError(`${what}; ${state}`, { kind, remedy: recoverIt(stage), cause: thrown }) }
  }
  if (outcome !== 'cancelled') return failure === undefined ? { outcome } : { outcome, failure }
  return { outcome, failure: new OperatorError('stopped between two disasters; no more was broken', { kind: 'cancelled', cause: thrown }) }
}

function endingOf(outcomes: readonly DrillOutcome[], chosen: readonly Scenario[], stage: DrillStage): Ending {
  const { target } = stage
  const missed = outcomes.filter(({ met }) => !met)
  if (missed.length === 0) return { outcome: 'done' }
  const isLost = outcomes.at(-1)?.recoveredMs === undefined
  const left = chosen.length - outcomes.length
  const what = `${missed.length} of ${outcomes.length} objectives were not met: ${missed.map(({ name }) => name).join(', ')}`
  const state = isLost
    ? `. ${target.context} is as ${missed.at(-1)?.name} left it${left === 0 ? '' : `; ${left} scenarios were not begun`}`
    : ''
  return { outcome: 'failed', failure: new OperatorError(`${what}${state}`, isLost ? { remedy: recoverIt(stage) } : {}) }
}

function tell(outcomes: readonly DrillOutcome[]): Telling {
  const rows = outcomes.map(
    ({ title, detectedMs, recoveredMs, objectiveMs, met, survival }) =>
      `| ${title} | ${detectedMs === undefined ? '' : showDuration(detectedMs)} | ${recoveredMs === undefined ? 'no' : showDuration(recoveredMs)} | ${showDuration(objectiveMs)} | ${met ? 'met' : 'not met'} | ${survival.checked} looked at, ${survival.changed + survival.missing} lost |`,
  )
  const table = [
    '| disaster | noticed after | recovered after | objective | | workloads |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ]
  return {
    fields: {
      scenarios: outcomes.map(({ detectedMs = null, recoveredMs = null, ...others }) => ({ ...others, detectedMs, recoveredMs })),
    },
    sections: [{ title: 'Disasters', lines: table }],
  }
}

/** The page to print, beside report.md and report.json. */
function keepPage({ record, target, session, redactor }: DrillStage, outcomes: readonly DrillOutcome[]): void {
  const { startedAt, operator } = record
  const { server } = session.access
  const facts = { context: target.context, server, operator, runId: record.runId(), startedAt, finishedAt: new Date().toISOString() }
  writeFileSync(join(record.memory.folder(), 'report.html'), redactor.clean(drawReport(facts, outcomes)), { mode: 0o600 })
}

/** A lab is there to be broken; a real cluster's name has to be typed before each strike, unless --destroy names it. */
function verifyAskable({ target, shared, session }: DrillStage): void {
  if (target.isLab || shared.destroy === target.context || canAsk()) return
  throw new OperatorError(`nothing was changed: a drill breaks ${target.context} (${session.access.server}), a real cluster, on purpose`, {
    kind: 'usage',
    remedy: `npx zx scripts/drill.ts … --destroy=${target.context}`,
  })
}

async function consentTo({ title, strikes }: Scenario, { target, shared, session, console }: DrillStage): Promise<void> {
  if (target.isLab || shared.destroy === target.context) return
  console.warning(`${title}: this ${strikes}, on ${target.context} (a real cluster, ${session.access.server})`)
  if ((await askText(`To consent, type the context's name, ${target.context}:`)) === target.context) return
  throw new OperatorError(`that is not ${target.context}; this disaster was not begun`, {
    kind: 'usage',
    remedy: `the same command again, and ${target.context} typed, if that is the cluster you mean`,
  })
}

/** A rehearsal begins where all is well. The lab is brought there; a real cluster has to be. */
async function reachGoodState(
  { target, signal }: DrillStage,
  { flags }: Place,
  ailment: () => Promise<string | undefined>,
  progress: (text: string) => void,
): Promise<void> {
  const what = await ailment()
  if (what === undefined) return
  if (!target.isLab) {
    throw new OperatorError(`${target.context} is not well, so nothing was broken: ${what}`, {
      kind: 'blocked',
      remedy: `npx zx scripts/health-check.ts ${target.where}`,
    })
  }
  progress('bootstrapping the lab first')
  await callScript('bootstrap', [...flags, '--fresh'], progress, signal)
}

async function findPlace(stage: DrillStage): Promise<Place> {
  const { session, target, shared, signal } = stage
  const checkout = join(session.folder, 'tree')
  mkdirSync(checkout)
  const tree = await fetchTree(target.remote, target.folder, checkout, session.tools.kubectl, signal)
  const { namespace, syncName, sync } = tree
  const lab = target.isLab ? (await import('../drill/lab-powers.ts')).labPowersOver(stage, tree) : undefined
  const flags = [
    ...target.flags,
    ...(shared.timeout === undefined ? [] : [`--timeout=${shared.timeout}`]),
    '--yes',
    `--destroy=${target.context}`,
  ]
  return { namespace, syncName, gitSecret: sync.pullSecret === '' ? undefined : sync.pullSecret, lab, flags }
}
