import { describeRows } from '../lib/terminal/help.ts'
import { packageRoot } from '../lib/base/paths.ts'
import { columnsOf } from '../lib/terminal/wrap.ts'
import { readDescriptions } from './command-descriptions.ts'

/** Prints what `flux-runbook --help` says on stdout. */
export function showOverview(): void {
  const columns = columnsOf(process.stdout)
  const rows = Object.fromEntries(readDescriptions().map(({ script, summary }) => [script, summary]))
  process.stdout.write(`The Flux self-management runbook, as commands that a person can trust in a maintenance window.

Usage:
  flux-runbook COMMAND [flags]

Commands:
${describeRows({ ...rows, completion: 'Prints the code with which a shell completes commands, flags and their values: bash, zsh or fish.' }, columns)}

Each takes --help. They work on the repository of the working directory: its .env, kubernetes/ and .lab/.
Documents, and .env.example with every setting, are in ${packageRoot}.
`)
}
