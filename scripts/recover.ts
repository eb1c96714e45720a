import { runChangeCommand } from '../lib/runner/run-change.ts'
import { summarizeFlux } from '../lib/commands/flux-summary.ts'
import { recoverFlags, prepareRecovery } from '../lib/commands/recover/recover.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runChangeCommand(
    {
      name: 'recover',
      summary: 'Identifies the disaster and runs its remedy until Flux is healthy again.',
      flags: recoverFlags,
      examples: [
        '--context infra --dry-run',
        '--context infra --from ~/infra.age --identity ~/keys/capture.txt',
        '--context infra --resume-suspended FluxInstance/flux-system/flux',
      ],
      isNewCluster: (own) => own['new-cluster'] === true,
      prepare: prepareRecovery,
      unchanged: 'nothing to recover: Flux is healthy',
      summarize: summarizeFlux,
    },
    argumentsOf('recover'),
  ),
)
