import { operate } from '../lib/operate.ts'
import { prepareTeardown, teardownFlags } from '../lib/procedures/teardown-inputs.ts'
import { summarizeTeardown, teardown, teardownWayBack, tellTeardown } from '../lib/procedures/teardown.ts'
import { argumentsOf, main } from '../lib/script.ts'
import type { Proof } from '../lib/steps/verify-gone.ts'

const proof: Proof = {}

await main(() =>
  operate(
    {
      name: 'teardown',
      summary: 'Takes Flux away, with everything alive that it deployed, and proves both.',
      flags: teardownFlags,
      async prepare(surroundings) {
        const { memory } = surroundings
        const inputs = await prepareTeardown(surroundings)
        return {
          steps: teardown(inputs, memory, proof),
          notices: inputs.notices,
          wayBack: teardownWayBack(inputs.namespace, memory),
          tell: () => tellTeardown(proof),
        }
      },
      unchanged: 'nothing to do: there is no Flux',
      summarize: (run, target) => Promise.resolve(summarizeTeardown(run, target, proof)),
    },
    argumentsOf('teardown'),
  ),
)
