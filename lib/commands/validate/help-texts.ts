import * as v from 'valibot'
import { shell } from '../../process/command.ts'
import { childEnvironment } from '../../process/environment.ts'
import { nodeCall } from '../../process/own-module.ts'
import type { ShellCommand } from './shell-words.ts'

/** A call of one of our scripts. */
export interface Call {
  readonly script: string
  /** The script, with the subcommand that has a help of its own: `scripts/lab.ts up`. */
  readonly key: string
  readonly flags: readonly string[]
  /** By the installed command: then it is this program's script, and not one of the repository that is checked. */
  readonly isInstalled: boolean
}

/** Their subcommands have a help of their own. */
const withSubcommands = ['scripts/lab.ts', 'scripts/fleet.ts']

/** What each script's own --help says, by the call's key. */
export type HelpTexts = ReadonlyMap<string, string>

/** The script that an `npx zx scripts/NAME.ts …` or a `flux-runbook NAME …` calls; undefined for any other command. */
export function callOf({ program, words }: ShellCommand): Call | undefined {
  const { script, all, isInstalled } = calledBy(program === 'npx' ? words : [program, ...words])
  if (!/^scripts\/[\w-]+\.ts$/.test(script)) return undefined
  const own = all.includes('--') ? all.slice(0, all.indexOf('--')) : all
  const [first = '--'] = own
  const key = withSubcommands.includes(script) && !first.startsWith('-') ? `${script} ${first}` : script
  return { script, key, isInstalled, flags: own.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0] ?? '') }
}

function calledBy([program = '', name = '', ...all]: readonly string[]): { script: string; all: string[]; isInstalled: boolean } {
  if (program === 'flux-runbook') return { script: `scripts/${name}.ts`, all, isInstalled: true }
  return { script: program === 'zx' ? name : '', all, isInstalled: false }
}

/** Asks every script that is called for its --help, all in one process: starting one for each would take most of the time. */
export async function helpTextsOf(root: string, calls: readonly Pick<Call, 'key'>[]): Promise<HelpTexts> {
  const keys = [...new Set(calls.map(({ key }) => key))]
  if (keys.length === 0) return new Map()
  const { stdout } = await shell(childEnvironment(), { cwd: root })`${nodeCall('lib/commands/validate/ask-help.ts')} ${keys}`
  return new Map(Object.entries(v.parse(v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string())), stdout)))
}
