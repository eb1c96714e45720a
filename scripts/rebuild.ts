import { operate } from '../lib/operate.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { prepareRebuild, rebuildFlags } from '../lib/procedures/rebuild.ts'
import { argumentsOf, main } from '../lib/script.ts'
import type { Proof } from '../lib/steps/verify-gone.ts'

const proof: Proof = {}

await main(() =>
  operate(
    {
      name: 'rebuild',
      summary: 'Takes Flux down and builds it again from Git, with everything alive that it deployed.',
      flags: rebuildFlags,
      prepare: (surroundings) => prepareRebuild(surroundings, proof),
      unchanged: 'nothing to do: this run has rebuilt Flux already',
      summarize: summarizeFlux,
    },
    argumentsOf('rebuild'),
  ),
)
