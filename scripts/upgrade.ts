import { OperatorError } from '../lib/base/errors.ts'
import { runChangeCommand } from '../lib/runner/run-change.ts'
import { summarizeFlux } from '../lib/commands/flux-summary.ts'
import { listVersions } from '../lib/commands/upgrade/list-versions.ts'
import { upgrade, rollbackSteps } from '../lib/commands/upgrade/upgrade.ts'
import { prepareUpgrade } from '../lib/commands/upgrade/prepare.ts'
import { checkpoint, readUpgradeState } from '../lib/commands/upgrade/state.ts'
import { isPulumisFlux, type PreparedUpgrade, prepareStack } from '../lib/commands/upgrade/stack/run-stack.ts'
import { upgradeFlags } from '../lib/commands/upgrade/flags.ts'
import { reportUpgrade } from '../lib/commands/upgrade/report-fields.ts'
import type { CommandSyntax } from '../lib/runner/command-line.ts'
import { runCommand } from '../lib/runner/run-command.ts'
import type { Flags } from '../lib/terminal/flags.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

const flags = {
  ...upgradeFlags,
  to: { ...upgradeFlags.to, required: 'required unless --operator or --list' },
  list: { type: 'boolean', help: 'only show the versions that exist, what each needs, and what blocks it here' },
} as const satisfies Flags

const syntax: CommandSyntax<typeof flags> = {
  name: 'upgrade',
  summary: 'Changes the version of Flux in Git, follows and verifies the rollout, and rolls back by itself if it fails.',
  flags,
  usage: '(--to X.Y.Z | --operator X.Y.Z | --list)',
  examples: [
    '--context infra --list',
    '--context infra --to 2.9.5 --dry-run',
    '--context infra,apps --to 2.9.5 --yes',
    '--context infra --to 2.9.5 --branch upgrade-flux',
  ],
  isForSeveral: true,
}

await main(() => {
  const args = argumentsOf(syntax.name)
  if (args.includes('--list')) return runCommand({ ...syntax, perform: listVersions }, args)
  return runChangeCommand(
    {
      ...syntax,
      async prepare({ session, target, settings, own, memory, console, isDryRun }): Promise<PreparedUpgrade> {
        const checksImages = own['no-image-check'] !== true
        const remembered = readUpgradeState(memory)
        const branch = own.branch ?? remembered?.branch
        const stage = { script: 'upgrade', session, target, memory, branch }
        const options = { rollsBack: own['no-rollback'] !== true, checksImages }
        if (remembered === undefined ? await isPulumisFlux(session.cluster) : remembered.chart !== undefined) {
          const { to, operator, force } = own
          return prepareStack(stage, { ...options, to, operator, isForced: force === true, settings, context: { console, isDryRun } })
        }
        if (remembered?.isGoingBack === true) {
          const report = () => reportUpgrade(memory, remembered)
          return { steps: rollbackSteps(stage, remembered), ending: 'rolled-back', report }
        }
        if (remembered !== undefined) return upgrade(stage, remembered, options)
        if (own.to === undefined && own.operator === undefined) {
          throw new OperatorError('upgrade to which version?', {
            kind: 'usage',
            remedy: 'name one with --to, --operator, or both; to see which there are: --list',
          })
        }
        const { commit, notes, notices } = await prepareUpgrade(session, target, {
          flux: own.to,
          operator: own.operator,
          isForced: own.force === true,
          isBack: false,
          checksImages,
          branch: own.branch,
          lockNamespace: settings.LOCK_NAMESPACE ?? 'kube-system',
        })
        checkpoint(memory, branch === undefined ? notes : { ...notes, branch })
        return { ...upgrade(stage, notes, options), notices, commit }
      },
      unchanged: 'nothing to do: that version runs',
      summarize: async (run, target, { next = [] }) => [...(await summarizeFlux(run, target)), ...next],
    },
    args,
  )
})
