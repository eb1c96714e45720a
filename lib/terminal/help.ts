import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { exitCodes } from '../base/errors.ts'
import { scriptCall } from '../base/shell-line.ts'
import { describeFlags, type Flags, type RefusedFlags } from './flags.ts'
import { packageRoot } from '../base/paths.ts'
import { columnsOf, wrap } from './wrap.ts'

/** What a script's --help says. */
export interface HelpPage {
  readonly script: string
  /** One sentence. */
  readonly summary: string
  /** What must be given, as the usage line shows it: `(--context NAME | --lab) --from FILE`. */
  readonly usage: string
  readonly flags: Flags
  /** Flags that others take; given where it takes no words either: a wrong call is then known before the script is loaded. */
  readonly refuses?: RefusedFlags
  /** Names that a flag's value is chosen from, with what each means, by a title. */
  readonly lists?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** The words after the script's name, each a call that is right as it is. */
  readonly examples: readonly string[]
}

/** The contract's words for the exit codes (docs/commands.md). */
const codeMeanings: Readonly<Record<string, string>> = {
  [exitCodes.done]: 'done, or nothing to do',
  [exitCodes.failed]: 'failed, or unhealthy',
  [exitCodes.usage]: 'usage error, or consent missing; nothing was changed',
  [exitCodes.blocked]: 'blocked by a preflight check; nothing was changed',
  [exitCodes.locked]: "another run holds the cluster's lock; nothing was changed",
  [exitCodes['rolled-back']]: 'failed, and rolled back to where it began',
  [exitCodes.cancelled]: 'cancelled; completed steps stay, and the run can be resumed',
}

/** The text of --help: usage, flags, examples, the names to choose from, exit codes. */
export function describeHelp({ script, summary, usage, flags, lists = {}, examples }: HelpPage, columns: number): string {
  const call = scriptCall(script, [])
  return [
    `${wrap(summary, columns).join('\n')}\n`,
    `Usage:\n  ${[call, usage, '[flags]'].filter((part) => part !== '').join(' ')}\n`,
    `Flags:\n${describeFlags(flags, columns)}\n`,
    `Examples:\n${examples.map((words) => `  ${[call, words].join(' ').trim()}`).join('\n')}\n`,
    ...Object.entries({ ...lists, 'Exit codes': codeMeanings }).map(([title, rows]) => `${title}:\n${describeRows(rows, columns)}\n`),
  ].join('\n')
}

/** Names and what they mean, below one another. */
export function describeRows(rows: Readonly<Record<string, string>>, columns: number): string {
  const width = Math.max(...Object.keys(rows).map((name) => name.length))
  const below = `\n${' '.repeat(width + 4)}`
  return Object.entries(rows)
    .map(([name, meaning]) => `  ${name.padEnd(width)}  ${wrap(meaning, columns - width - 4).join(below)}`)
    .join('\n')
}

/** Prints a script's --help on stdout; with --json as a document, for programs. Returns exit code 0. */
export function showHelp(page: HelpPage): number {
  const isJson = process.argv.includes('--json')
  process.stdout.write(isJson ? `${JSON.stringify(helpDocument(page), undefined, 2)}\n` : describeHelp(page, columnsOf(process.stdout)))
  return 0
}

function helpDocument({ lists = {}, ...page }: HelpPage): object {
  return { schemaVersion: 1, ...page, lists: { ...lists, 'Exit codes': codeMeanings } }
}

/** Prints the project's version on stdout. Returns exit code 0. */
export async function showVersion(): Promise<number> {
  const content = await readFile(join(packageRoot, 'package.json'), 'utf8')
  const { version } = v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), content)
  process.stdout.write(`${version}\n`)
  return 0
}
