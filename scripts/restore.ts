import { operate } from '../lib/operate.ts'
import { flags, prepareRestore } from '../lib/procedures/restore.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'restore',
      summary: 'Puts back what a capture holds: what is missing, and what differs.',
      flags,
      isNewCluster: (own) => own['from-other-cluster'] === true,
      prepare: prepareRestore,
      unchanged: 'nothing to do: everything is there as it was captured',
      summarize: () => Promise.resolve(['What Git brings back, it brings back by itself. Without a Flux: npx zx scripts/bootstrap.ts']),
    },
    argumentsOf('restore'),
  ),
)
