import { exitCodes, OperatorError } from '../lib/base/errors.ts'
import { nearest } from '../lib/base/nearest.ts'
import { parseFlags } from '../lib/terminal/flags.ts'
import { showHelp, showVersion } from '../lib/terminal/help.ts'
import { main } from '../lib/terminal/main.ts'
import { readDescription } from './command-descriptions.ts'
import { commands } from './commands.ts'
import { showOverview } from './overview.ts'

/** Runs `flux-runbook COMMAND …`, or what else the words ask for. A command that runs sets the exit code itself. */
export async function runProgram([name = '', ...args]: readonly string[]): Promise<void> {
  const run = Object.hasOwn(commands, name) ? commands[name] : undefined
  let isAnswered = true
  await main(async () => {
    if (run === undefined) return withoutCommand(name, args)
    const exitCode = answerAtOnce(name, args)
    isAnswered = exitCode !== undefined
    return exitCode ?? exitCodes.failed
  })
  if (!isAnswered) await run?.()
}

async function withoutCommand(name: string, args: readonly string[]): Promise<number> {
  if (name === 'completion') return (await import('./completion/completion.ts')).printShellScript(args)
  if (name === '__complete') return (await import('./completion/completion.ts')).printCandidates(args)
  if (name === '--version') return showVersion()
  if (!['', '--help', '-h', 'help'].includes(name)) throw unknownCommand(name)
  showOverview()
  return name === '' ? exitCodes.usage : exitCodes.done
}

/**
 * Answers --help, and a call with a wrong flag, by what the package's build has kept of the command: loading it takes as long as Node to
 * start. Returns undefined where the command itself is to run.
 * @throws OperatorError `usage`, as the command would
 */
function answerAtOnce(name: string, args: readonly string[]): number | undefined {
  const { refuses, ...page } = readDescription(name)
  if (refuses === undefined || args.includes('--json')) return undefined // it takes words, or answers with a document
  const values: Readonly<Record<string, string | boolean | undefined>> = parseFlags(name, page.flags, args, 0, refuses).values
  return values.help === true ? showHelp(page) : undefined
}

/** The usage error for a word that is not a command. */
export function unknownCommand(name: string): OperatorError {
  const names = [...Object.keys(commands), 'completion']
  // Of a name of two words, one may be all that was typed: `helth`.
  const near = nearest(name, [...names, ...names.flatMap((one) => one.split('-'))])
  const close = near === undefined ? undefined : names.find((one) => one === near || one.split('-').includes(near))
  return new OperatorError(`there is no command "${name}"${close === undefined ? '' : `; did you mean ${close}?`}`, {
    kind: 'usage',
    remedy: 'flux-runbook --help',
  })
}
