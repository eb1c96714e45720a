import { createConsole } from '../lib/console.ts'
import { OperatorError } from '../lib/errors.ts'
import { describeFlags, type Flags, nearest, parseFlags } from '../lib/flags.ts'
import { showVersion } from '../lib/help.ts'
import { argumentsOf, main } from '../lib/script.ts'
import { type LabCommand, labCommands } from '../lab/commands.ts'

const shared = {
  verbose: { type: 'boolean', help: 'tell more, stacks of errors too' },
  help: { type: 'boolean', help: 'show this' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags

/** Short flags that people type without thinking. */
const short: Readonly<Record<string, string>> = { '-f': '--follow', '-m': '--message', '-h': '--help' }

await main(async () => {
  const startedAt = new Date().toISOString()
  const [name = '', ...args] = argumentsOf('lab').map((arg) => short[arg] ?? arg)
  if (name === '' || name === '--help') return showOverview(name)
  if (name === '--version') return showVersion()
  const command = findCommand(name)
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const { values, words } = parseFlags('lab', { ...command.flags, ...shared }, args.slice(0, end), Number.POSITIVE_INFINITY)
  if (values.help === true) return showCommand(name, command)
  if (values.version === true) return showVersion()
  checkWords(name, command, words)
  const console = createConsole({ clean: (text) => text })
  const { exitCode, outcome, document } = await command.run({ given: values, words, rest: args.slice(end + 1), console })
  if ('json' in values && values.json === true) {
    const result = { schemaVersion: 1, script: 'lab', command: name, startedAt, finishedAt: new Date().toISOString(), outcome, exitCode, ...document }
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
  }
  return exitCode
})

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

function showOverview(name: string): number {
  const width = Math.max(...Object.keys(labCommands).map((one) => one.length))
  const lines = Object.entries(labCommands).map(([one, { summary }]) => `  ${one.padEnd(width)}  ${summary}`)
  process.stdout.write(`Local clusters with a real Flux: plain processes on this machine, no containers.\n\n  npx zx scripts/lab.ts COMMAND [flags]\n\n${lines.join('\n')}\n
Each takes --help. FLUX_LAB_HOME says where the lab keeps what is its own (.lab in the checkout).\n`)
  return name === '--help' ? 0 : 2
}

function showCommand(name: string, { summary, usage, flags }: LabCommand): number {
  const line = ['npx zx scripts/lab.ts', name, usage, '[flags]'].filter((part) => part !== '').join(' ')
  process.stdout.write(`${summary}\n\n  ${line}\n\n${describeFlags({ ...flags, ...shared })}\n`)
  return 0
}
