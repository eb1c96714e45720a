import { OperatorError } from '../lib/base/errors.ts'
import { describeFlags, type Flags, parseFlags } from '../lib/terminal/flags.ts'
import { nearest } from '../lib/base/nearest.ts'
import type { LabCommand } from './command.ts'
import { labCommands } from './commands.ts'

/** What the words after `scripts/lab.ts` ask for. */
export type LabCall =
  | { readonly is: 'help'; readonly text: string; readonly exitCode: number }
  | { readonly is: 'version' }
  | {
      readonly is: 'command'
      readonly name: string
      readonly command: LabCommand
      readonly given: Readonly<Record<string, string | boolean | undefined>>
      readonly words: readonly string[]
      /** What comes after `--`. */
      readonly rest: readonly string[]
    }

const shared = {
  verbose: { type: 'boolean', help: 'show more details, and stack traces of errors' },
  help: { type: 'boolean', help: 'show this help' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags

/** Short flags that fingers know. */
const short: Readonly<Record<string, string>> = { '-f': '--follow', '-m': '--message', '-h': '--help' }

/** Reads the words strictly. Throws usage errors that name the nearest right one. */
export function parseLabCall(typed: readonly string[]): LabCall {
  const end = typed.includes('--') ? typed.indexOf('--') : typed.length
  const [name, ...args] = typed.slice(0, end).map((word) => short[word] ?? word)
  if (name === undefined || name === '--help') return { is: 'help', text: overview(), exitCode: name === undefined ? 2 : 0 }
  if (name === '--version') return { is: 'version' }
  const command = findCommand(name)
  const { values, words } = parseFlags('lab', { ...command.flags, ...shared }, args, Number.POSITIVE_INFINITY)
  if (values.help === true) return { is: 'help', text: describeCommand(name, command), exitCode: 0 }
  if (values.version === true) return { is: 'version' }
  checkWords(name, command, words)
  return { is: 'command', name, command, given: values, words, rest: typed.slice(end + 1) }
}

function findCommand(name: string): LabCommand {
  const command = labCommands[name]
  if (command !== undefined) return command
  const close = nearest(name, Object.keys(labCommands))
  throw new OperatorError(`there is no command "${name}"${close === undefined ? '' : `; did you mean ${close}?`}`, {
    kind: 'usage',
    remedy: close === undefined ? 'npx zx scripts/lab.ts --help' : `npx zx scripts/lab.ts ${close}`,
  })
}

function checkWords(name: string, { words: { least, most }, usage }: LabCommand, words: readonly string[]): void {
  if (words.length >= least && words.length <= most) return
  const extra = words[most]
  throw new OperatorError(extra === undefined ? `${name} wants ${usage}` : `${name} does not take "${extra}"`, {
    kind: 'usage',
    remedy: `npx zx scripts/lab.ts ${name} ${usage}`.trim(),
  })
}

function overview(): string {
  const width = Math.max(...Object.keys(labCommands).map((name) => name.length))
  const lines = Object.entries(labCommands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `Local clusters with a real Flux: plain processes on this machine, no containers.

  npx zx scripts/lab.ts COMMAND [flags]

${lines.join('\n')}

Examples:
  npx zx scripts/lab.ts up --clusters infra,apps
  npx zx scripts/lab.ts kubectl --context lab-apps -- get nodes
  npx zx scripts/lab.ts fault set git-down

Each command takes --help, or -h. FLUX_LAB_HOME names the lab's folder (default: .lab in the checkout).
`
}

function describeCommand(name: string, { summary, usage, flags }: LabCommand): string {
  const line = ['npx zx scripts/lab.ts', name, '[flags]', usage].filter((part) => part !== '').join(' ')
  return `${summary}\n\n  ${line}\n\n${describeFlags({ ...flags, ...shared })}\n`
}
