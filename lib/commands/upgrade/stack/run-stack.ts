import { basename } from 'node:path'
import { OperatorError } from '../../../base/errors.ts'
import type { Session } from '../../../connection/session.ts'
import type { Settings } from '../../../connection/settings.ts'
import { readFluxCrds } from '../../../flux/crds.ts'
import { judgeInstallation } from '../../../flux/installation.ts'
import { readFlux } from '../../../flux/installations.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import type { PreparedChange } from '../../../runner/run-change.ts'
import { configFile, openStack, type Stack } from '../../bootstrap/pulumi-stack.ts'
import { reportUpgrade } from '../report-fields.ts'
import type { UpgradeStage } from '../stage.ts'
import { type ChartChange, checkpoint, readUpgradeState, type UpgradeState } from '../state.ts'
import { prepareStackUpgrade, type StackRequest } from './prepare.ts'
import { versionKey } from './charts.ts'
import { stackRollback, type StackStage, upgradeStack } from './upgrade-stack.ts'

/** Whether Pulumi installed what runs in a cluster. */
export async function isPulumisFlux(cluster: Cluster): Promise<boolean> {
  const [there, crds] = await Promise.all([readFlux(cluster), readFluxCrds(cluster)])
  return judgeInstallation({ ...there, crds }).installedBy === 'pulumi'
}

/** The stack that installs a cluster's Flux. Throws where none is named. */
export function openFluxStack(session: Session, settings: Settings): Promise<Stack> {
  if (settings.PULUMI_STACK !== undefined) return openStack(session, settings)
  throw new OperatorError(
    "Flux was installed by Pulumi, so its version is that of the chart in a stack's configuration, and no stack is named",
    {
      kind: 'blocked',
      remedy: 'set PULUMI_STACK (.env.example), and run again',
    },
  )
}

/** What the flags ask for. */
interface StackFlags extends Omit<StackRequest, 'flux'> {
  readonly to: string | undefined
  readonly operator: string | undefined
  readonly rollsBack: boolean
}

/** What is done, and what is left to a person afterwards. */
export interface PreparedUpgrade extends PreparedChange {
  readonly next?: readonly string[]
}

/** An upgrade of a Flux that Pulumi installed: a new one, or one that was interrupted. */
export async function prepareStack(stage: UpgradeStage, flags: StackFlags): Promise<PreparedUpgrade> {
  const { session, target, memory, branch } = stage
  const { to: flux, operator, settings } = flags
  if (operator !== undefined || branch !== undefined) {
    const flag = operator === undefined ? `--branch ${branch}` : `--operator ${operator}`
    throw new OperatorError(
      `${flag} is for a Flux whose version is in Git; here Pulumi installed it, with the version of a stack's chart`,
      {
        kind: 'blocked',
        remedy: `npx zx scripts/upgrade.ts ${target.where} --to X.Y.Z`,
      },
    )
  }
  const stack = await openFluxStack(session, settings)
  const uncancelled = await openStack({ ...session, cluster: session.cleanupClient }, settings)
  const own: StackStage = { ...stage, stack, uncancelled }
  const remembered = readUpgradeState(memory)
  const carryOut = async (notes: UpgradeState, chart: ChartChange): Promise<PreparedUpgrade> => {
    const file = basename(await configFile(stack.folder, stack.name))
    const next = chart.from === chart.to ? [] : [`Next: commit ${file}, which has ${versionKey} ${chart.to} now.`]
    return { ...upgradeStack(own, notes, chart, flags), next }
  }
  if (remembered?.chart !== undefined) {
    const { chart } = remembered
    if (remembered.isGoingBack) {
      const report = () => reportUpgrade(memory, remembered)
      return { steps: stackRollback(own, remembered, chart), ending: 'rolled-back', report }
    }
    return carryOut(remembered, chart)
  }
  if (flux === undefined)
    throw new OperatorError('upgrade to which version?', { kind: 'usage', remedy: 'name one with --to; to see which there are: --list' })
  const { notes, chart, notices } = await prepareStackUpgrade(session, target, stack, { ...flags, flux })
  checkpoint(memory, notes)
  return { ...(await carryOut(notes, chart)), notices }
}
