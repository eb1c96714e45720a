import { onClusters } from '../lib/on-clusters.ts'
import { drill, drillFlags } from '../lib/procedures/drill.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  onClusters(
    {
      name: 'drill',
      summary: 'Rehearses disasters: breaks Flux on purpose, sees it recovered, and measures how long that took.',
      flags: drillFlags,
      perform: drill,
    },
    argumentsOf('drill'),
  ),
)
