import { runChangeCommand } from '../lib/runner/run-change.ts'
import { summarizeFlux } from '../lib/commands/flux-summary.ts'
import { prepareRebuild, rebuildFlags } from '../lib/commands/rebuild/rebuild.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runChangeCommand(
    {
      name: 'rebuild',
      needsFolder: true,
      summary: 'Removes Flux and installs it again from Git, while the workloads keep running.',
      flags: rebuildFlags,
      examples: ['--context infra --dry-run', '--context infra', '--lab --yes --destroy=lab-infra --json'],
      prepare: prepareRebuild,
      unchanged: 'nothing to do: this run has rebuilt Flux already',
      summarize: summarizeFlux,
    },
    argumentsOf('rebuild'),
  ),
)
