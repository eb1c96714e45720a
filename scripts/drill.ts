import { runCommand } from '../lib/runner/run-command.ts'
import { drill } from '../lib/commands/drill/drill.ts'
import { drillFlags } from '../lib/commands/drill/flags.ts'
import { verifyDrillFlags } from '../lib/commands/drill/verify-flags.ts'
import { scenarios } from '../lib/commands/drill/faults/scenarios.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runCommand(
    {
      name: 'drill',
      summary: 'Rehearses disasters: breaks Flux on purpose, recovers it, and measures how long that takes.',
      flags: drillFlags,
      usage: '--scenario NAME,…|all|each-loss',
      examples: [
        '--lab --scenario all',
        '--lab --scenario git-gone,flux-deleted --objective 10m',
        '--context infra --scenario operator-deleted --dry-run',
        '--lab --scenario each-loss --only ServiceAccount,ClusterRoleBinding',
      ],
      lists: { 'Scenarios (--scenario)': Object.fromEntries(scenarios.map(({ name, title }) => [name, title])) },
      verifyFlags: verifyDrillFlags,
      perform: drill,
    },
    argumentsOf('drill'),
  ),
)
