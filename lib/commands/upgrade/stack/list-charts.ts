import { readFlux } from '../../../flux/installations.ts'
import { readInstallation } from '../../../flux/installation.ts'
import type { CommandContext } from '../../../runner/run-command.ts'
import type { RunResult } from '../../../runner/run-result.ts'
import type { Flags } from '../../../terminal/flags.ts'
import { choicesFrom, linesOfChoices, type VersionChoice } from '../list.ts'
import { chartAddress, chartsFrom, configuredVersion, runningChart } from './charts.ts'
import { openFluxStack } from './run-stack.ts'

/** Shows which versions of Flux the charts bring that the stack may install. Nothing is changed. */
export async function listCharts(
  { session, target, settings, console }: Pick<CommandContext<Flags>, 'session' | 'target' | 'settings' | 'console'>,
  kubernetes: string,
): Promise<RunResult> {
  const { cluster, registry } = session
  const stack = await openFluxStack(session, settings)
  const config = await stack.readConfig()
  const { version: flux = '' } = await readInstallation(cluster)
  const chart = runningChart((await readFlux(cluster)).controllers) ?? configuredVersion(stack, config)
  const here = { flux, operator: chart, kubernetes }
  const charts = await chartsFrom(chartAddress(config), chart, registry, cluster.signal)
  const bringers = charts.map((one) => ({ operator: one.version, distribution: { versions: [one.flux] } }))
  const choices = choicesFrom(here, bringers, () => [])
  console.answer.line(`Versions of Flux for ${target.context}, where ${flux} runs on Kubernetes ${kubernetes}, by ${chartAddress(config)}`)
  for (const line of linesOfChoices(choices, here, target.where, 'chart')) console.answer.line(line)
  const notKnown = ['whether Git has objects that a newer version cannot apply: a dry run of the upgrade says']
  for (const what of notKnown) console.warning(what)
  const byChart = ({ operator, ...choice }: VersionChoice) => ({ ...choice, chart: operator })
  const fields = { running: { flux, chart, kubernetes }, versions: choices.map(byChart), notKnown }
  const newer = choices.filter(({ isHere, blockedBy }) => !isHere && blockedBy.length === 0).length
  return { outcome: 'done', report: { fields }, isAnswer: true, verdict: `${newer} to upgrade to, and nothing was changed` }
}
