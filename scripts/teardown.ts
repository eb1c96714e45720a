import { noVersion } from '../lib/runner/run-event.ts'
import { runChangeCommand } from '../lib/runner/run-change.ts'
import { prepareTeardown, teardownFlags } from '../lib/commands/teardown/prepare.ts'
import {
  proofOf,
  summarizeTeardown,
  teardown,
  teardownStopped,
  teardownRollback,
  reportTeardown,
} from '../lib/commands/teardown/teardown.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runChangeCommand(
    {
      name: 'teardown',
      summary: 'Removes Flux, keeps the workloads running, and verifies both.',
      flags: teardownFlags,
      examples: ['--context infra --dry-run', '--context infra', '--lab --yes --destroy=lab-infra --json'],
      async prepare(surroundings) {
        const { memory } = surroundings
        const inputs = await prepareTeardown(surroundings)
        const down = teardown(inputs, memory)
        return {
          toVersion: noVersion,
          steps: down.steps,
          notices: inputs.notices,
          rollback: teardownRollback(inputs.namespace, memory),
          ifStopped: () => teardownStopped(memory),
          report: () => reportTeardown(proofOf(down), memory),
          proof: () => proofOf(down),
        }
      },
      unchanged: 'nothing to do: there is no Flux',
      summarize: (run, target, { proof }) => Promise.resolve(summarizeTeardown(run, target, proof())),
    },
    argumentsOf('teardown'),
  ),
)
