import { runChangeCommand } from '../lib/runner/run-change.ts'
import { summarizeFlux } from '../lib/commands/flux-summary.ts'
import { earlierVersions } from '../lib/commands/rollback/earlier-versions.ts'
import { returnSteps, rollBack } from '../lib/commands/upgrade/upgrade.ts'
import { prepareUpgrade } from '../lib/commands/upgrade/prepare.ts'
import { checkpoint, readUpgradeState } from '../lib/commands/upgrade/state.ts'
import { rollbackFlags } from '../lib/commands/upgrade/flags.ts'
import { reportUpgrade } from '../lib/commands/upgrade/report-fields.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runChangeCommand(
    {
      name: 'rollback',
      summary:
        'Returns to the previous or a named version of Flux, first in the cluster, then in Git. If it does not run, restores the current version.',
      flags: rollbackFlags,
      examples: ['--context infra', '--context infra --to 2.9.4', '--context infra --to 2.9.4 --branch back-to-2.9.4'],
      async prepare({ session, target, settings, own, memory }) {
        const checksImages = own['no-image-check'] !== true
        const remembered = readUpgradeState(memory)
        const branch = own.branch ?? remembered?.branch
        const stage = { script: 'rollback', session, target, memory, branch }
        if (remembered?.isReturning === true) {
          const report = () => reportUpgrade(memory, remembered)
          return { steps: returnSteps(stage, remembered), ending: 'rolled-back', report }
        }
        if (remembered !== undefined) return rollBack(stage, remembered, { checksImages })
        const earlier = own.to === undefined ? await earlierVersions(session, target) : { flux: own.to, operator: undefined }
        const { commit, notes, notices } = await prepareUpgrade(session, target, {
          ...earlier,
          isForced: true,
          isBack: true,
          checksImages,
          branch: own.branch,
          lockNamespace: settings.LOCK_NAMESPACE ?? 'kube-system',
        })
        checkpoint(memory, branch === undefined ? notes : { ...notes, branch })
        return { ...rollBack(stage, notes, { checksImages }), notices, commit }
      },
      unchanged: 'nothing to do: that version runs, as Git says',
      summarize: summarizeFlux,
    },
    argumentsOf('rollback'),
  ),
)
