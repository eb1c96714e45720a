import { operate } from '../lib/operate.ts'
import { prepareBootstrap } from '../lib/procedures/bootstrap-inputs.ts'
import { bootstrap, bootstrapViaFlux } from '../lib/procedures/bootstrap.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'bootstrap',
      summary: 'Installs flux-operator and Flux, hands both over to Git, and verifies that Flux manages itself.',
      flags: {
        'new-cluster': { type: 'boolean', help: "the context's name means another cluster than it did before" },
        via: {
          type: 'string',
          value: 'WAY',
          help: 'operator: it installs Flux (the default); flux: `flux install` first',
          choices: ['operator', 'flux'],
        },
      },
      async prepare({ session, target, settings, redactor, own }) {
        const { folder: cluster, remote, overrides, isLab } = target
        const inputs = await prepareBootstrap(session, { cluster, remote, isLab, overrides, settings, redactor })
        const story = own.via === 'flux' ? bootstrapViaFlux : bootstrap
        return { steps: story(inputs, session), commit: inputs.tree.commit, notices: inputs.notices }
      },
      isNewCluster: (own) => own['new-cluster'] === true,
      unchanged: 'nothing to do: everything is as Git says',
      summarize: summarizeFlux,
    },
    argumentsOf('bootstrap'),
  ),
)
