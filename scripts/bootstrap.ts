import { deployerOf, viaFlag } from '../lib/deployers/deployers.ts'
import { operate } from '../lib/operate.ts'
import { summarizeFlux } from '../lib/procedures/flux-summary.ts'
import { argumentsOf, main } from '../lib/script.ts'

await main(() =>
  operate(
    {
      name: 'bootstrap',
      summary: 'Installs flux-operator and Flux, hands both over to Git, and verifies that Flux manages itself.',
      flags: {
        'new-cluster': { type: 'boolean', help: "the context's name means another cluster than it did before" },
        via: viaFlag,
      },
      async prepare({ session, target, settings, redactor, own, console, isDryRun }) {
        const { folder: cluster, remote, overrides, isLab } = target
        const wanted = { cluster, remote, isLab, overrides, settings, redactor }
        return deployerOf(own.via).prepare(session, wanted, { console, isDryRun })
      },
      isNewCluster: (own) => own['new-cluster'] === true,
      unchanged: 'nothing to do: everything is as Git says',
      summarize: summarizeFlux,
    },
    argumentsOf('bootstrap'),
  ),
)
