import { operate } from '../lib/operate.ts'
import { prepareBootstrap } from '../lib/procedures/bootstrap-inputs.ts'
import { bootstrap } from '../lib/procedures/bootstrap.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'bootstrap',
      summary: 'Installs flux-operator and Flux, hands both over to Git, and verifies that Flux manages itself.',
      flags: {},
      async prepare({ session, target, settings, redactor }) {
        const { folder: cluster, remote, overrides } = target
        const inputs = await prepareBootstrap(session, { cluster, remote, overrides, settings, redactor })
        return { steps: bootstrap(inputs, session), commit: inputs.tree.commit }
      },
      summarize: summarizeFlux,
    },
    argumentsOf('bootstrap'),
  ),
)
