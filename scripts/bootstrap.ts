import { inGitOf } from '../lib/connection/target.ts'
import { installerFor, viaFlag } from '../lib/commands/bootstrap/installers/installers.ts'
import { checkSuspended } from '../lib/commands/bootstrap/checks/suspended.ts'
import { runChangeCommand } from '../lib/runner/run-change.ts'
import { summarizeFlux } from '../lib/commands/flux-summary.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runChangeCommand(
    {
      name: 'bootstrap',
      needsFolder: true,
      summary: 'Installs flux-operator and Flux, hands both over to Git, and verifies that Flux manages itself.',
      flags: {
        'new-cluster': { type: 'boolean', help: "confirm that the context's name now means another cluster" },
        via: viaFlag,
      },
      examples: ['--context infra', '--context infra --dry-run', '--lab --via flux --yes'],
      async prepare({ session, target, settings, redactor, own, memory, console, isDryRun }) {
        const { overrides, isLab, where } = target
        const { folder: cluster, remote } = inGitOf(target, 'bootstrap')
        const wanted = { cluster, where, remote, isLab, overrides, settings, redactor }
        const deployment = await installerFor(own.via).prepare(session, wanted, { console, isDryRun, memory })
        return { ...deployment, notices: [...deployment.notices, ...(await checkSuspended(session.cluster, where))] }
      },
      isNewCluster: (own) => own['new-cluster'] === true,
      unchanged: 'nothing to do: everything is as Git says',
      summarize: summarizeFlux,
    },
    argumentsOf('bootstrap'),
  ),
)
