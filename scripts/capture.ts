import { readOnlyRefuses } from '../lib/runner/command-line.ts'
import { runCommand } from '../lib/runner/run-command.ts'
import { capture, captureCommandFlags } from '../lib/commands/capture/capture.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'

await main(() =>
  runCommand(
    {
      name: 'capture',
      summary: 'Writes what Flux needs, and Git does not have, into one encrypted file. Changes nothing in the cluster.',
      flags: captureCommandFlags,
      examples: [
        '--context infra --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p --out ~/infra.age',
        '--context infra,apps --identity ~/keys/capture.txt --out ~/captures',
      ],
      refuses: { ...readOnlyRefuses, destroy: 'it changes nothing in the cluster' },
      isForSeveral: true,
      perform: capture,
    },
    argumentsOf('capture'),
  ),
)
