import { operate } from '../lib/operate.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { flags, prepareRecovery } from '../lib/procedures/recover.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'recover',
      summary: 'Finds out which disaster this is, and carries out its remedy, until Flux is healthy again.',
      flags,
      isNewCluster: (own) => own['new-cluster'] === true,
      prepare: prepareRecovery,
      unchanged: 'nothing to recover: Flux is healthy',
      summarize: summarizeFlux,
    },
    argumentsOf('recover'),
  ),
)
