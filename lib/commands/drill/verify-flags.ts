import { OperatorError } from '../../base/errors.ts'
import { flagWords, scriptCall } from '../../base/shell-line.ts'
import type { CommandContext } from '../../runner/run-command.ts'
import { scenarios, scenariosNamed } from './faults/scenarios.ts'
import { type drillFlags, eachLoss } from './flags.ts'
import type { Draw } from './losses/objects.ts'

type Own = CommandContext<typeof drillFlags>['own']

/**
 * What can be refused before a cluster is asked, or the lab started.
 * @throws OperatorError `usage`
 */
export function verifyDrillFlags(own: Own, given: Pick<CommandContext<typeof drillFlags>, 'shared' | 'again'>): void {
  const wanted = wantedOf(own, given.again)
  if (wanted === eachLoss) drawOf(own)
  else {
    verifyNoneOfEachLoss(wanted, own, given)
    scenariosNamed(wanted, given.again)
  }
}

/** The value of --scenario. Throws OperatorError `usage` where it is not given: nothing is broken by default. */
export function wantedOf({ scenario }: Own, again: CommandContext<typeof drillFlags>['again']): string {
  if (scenario !== undefined) return scenario
  const names = scenarios.map(({ name }) => name).join(', ')
  throw refusal('which disasters? --scenario is mandatory', `name some of ${names}; or rehearse all: ${again('--scenario', 'all')}`)
}

/** What means something beside each-loss alone. */
function verifyNoneOfEachLoss(scenario: string, own: Own, { shared, again }: Parameters<typeof verifyDrillFlags>[1]): void {
  if (scenario.split(',').includes(eachLoss)) {
    throw refusal(`--scenario ${scenario}: each-loss cannot be combined`, again('--scenario', eachLoss))
  }
  const ours = (['only', 'pairs', 'sample', 'seed'] as const).find((name) => own[name] !== undefined)
  if (ours !== undefined) throw refusal(`--${ours} is for --scenario each-loss`, again('--scenario', eachLoss))
  if (shared.resume === undefined && shared.fresh !== true) return
  const flag = shared.resume === undefined ? 'fresh' : 'resume'
  const { context, cluster, lab, kubeconfig } = shared
  throw refusal(
    `--${flag} is for --scenario each-loss: another drill is not resumed; recover repairs what one has left broken`,
    scriptCall('recover', flagWords({ context, cluster, lab, kubeconfig })),
  )
}

/** Which losses each-loss draws at random, if any. */
export function drawOf(own: Own): Draw {
  return { pairs: numberIn(own.pairs, 'pairs'), sample: numberIn(own.sample, 'sample'), seed: numberIn(own.seed, 'seed') ?? 1 }
}

function numberIn(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw refusal(`--${flag} ${text}: that is not a whole number`, `--${flag} 8`)
}

function refusal(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'usage', remedy })
}
