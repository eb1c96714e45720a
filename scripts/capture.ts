import { onClusters } from '../lib/on-clusters.ts'
import { capture, flags } from '../lib/procedures/capture.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  onClusters(
    {
      name: 'capture',
      summary: 'Writes what Flux needs to come back into one encrypted file. Changes nothing in the cluster.',
      flags,
      isForSeveral: true,
      perform: capture,
    },
    argumentsOf('capture'),
  ),
)
