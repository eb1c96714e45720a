import { runChangeCommand } from '../lib/runner/run-change.ts'
import { prepareRestore, restoreFlags, verifyRestoreFlags } from '../lib/commands/restore/restore.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runChangeCommand(
    {
      name: 'restore',
      summary: 'Restores a capture: objects that are missing, and fields that differ.',
      flags: { ...restoreFlags, from: { ...restoreFlags.from, required: 'required' } },
      usage: '--from FILE',
      examples: ['--context infra --from ~/infra.age --dry-run', '--context infra --from ~/infra.age --identity ~/keys/capture.txt'],
      isNewCluster: (own) => own['from-other-cluster'] === true,
      verifyFlags: verifyRestoreFlags,
      prepare: prepareRestore,
      unchanged: 'nothing to do: everything exists as captured',
      summarize: (_run, { where }) =>
        Promise.resolve(['Flux restores by itself what is in Git. If there is no Flux:', `  npx zx scripts/bootstrap.ts ${where}`]),
    },
    argumentsOf('restore'),
  ),
)
