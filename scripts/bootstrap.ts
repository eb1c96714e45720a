import { inGitOf } from '../lib/connection/target.ts'
import { treeLocationOf } from '../lib/commands/bootstrap/inputs.ts'
import { findTreeLocation } from '../lib/commands/bootstrap/place-in-git.ts'
import { installerFor, viaFlag } from '../lib/commands/bootstrap/installers/installers.ts'
import { lastOf, requestTakeOver } from '../lib/commands/bootstrap/take-over/request.ts'
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
        path: {
          type: 'string',
          value: 'DIR',
          help: 'the folder that the cluster follows, in a repository of any layout; the operator installs from it',
        },
        via: viaFlag,
        'take-over': {
          type: 'boolean',
          help: 'take over a Flux that another program installed (flux CLI, Helm, flux-aio, Pulumi; with --via pulumi, flux-operator): its objects and workloads stay the same',
        },
      },
      examples: [
        '--context infra',
        '--context infra --dry-run',
        '--context prod --path ../fleet/clusters/prod --take-over',
        '--lab --via flux --yes',
      ],
      async prepare({ session, target, settings, redactor, own, memory, console, isDryRun }) {
        const { overrides, isLab, where } = target
        const takeOver = requestTakeOver(own, where, memory)
        const shared = { where, isLab, overrides, settings, redactor, takeOver }
        const place = own.path === undefined ? undefined : await findTreeLocation(own.path, own.via, target, session)
        const wanted = { ...shared, ...treeLocationOf(place ?? inGitOf(target, 'bootstrap')) }
        const deployment = await installerFor(own.via).prepare(session, wanted, { console, isDryRun, memory })
        return { ...deployment, via: own.via, notices: [...deployment.notices, ...(await checkSuspended(session.cluster, where))] }
      },
      isWithoutFolder: (own) => own.path !== undefined,
      isNewCluster: (own) => own['new-cluster'] === true,
      unchanged: 'nothing to do: everything is as Git says',
      summarize: async (run, target, { next, via }) => [...(await summarizeFlux(run, target)), ...lastOf(next, via)],
    },
    argumentsOf('bootstrap'),
  ),
)
