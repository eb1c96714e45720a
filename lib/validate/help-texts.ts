import { join } from 'node:path'
import * as v from 'valibot'
import { shell } from '../command.ts'
import { childEnvironment } from '../environment.ts'
import type { Command } from './shell-words.ts'

/** A call of one of our scripts. */
export interface Call {
  readonly script: string
  /** The script, with the subcommand that has a help of its own: `scripts/lab.ts up`. */
  readonly key: string
  readonly flags: readonly string[]
}

/** What each script's own --help says, by the call's key. */
export type HelpTexts = ReadonlyMap<string, string>

/** The script that an `npx zx scripts/NAME.ts …` calls; undefined for any other command. */
export function callOf({ program, words }: Command): Call | undefined {
  const [zx, script = '', ...all] = words
  if (program !== 'npx' || zx !== 'zx' || !/^scripts\/[\w-]+\.ts$/.test(script)) return undefined
  const own = all.includes('--') ? all.slice(0, all.indexOf('--')) : all
  const [first = '--'] = own
  const key = script === 'scripts/lab.ts' && !first.startsWith('-') ? `${script} ${first}` : script
  return { script, key, flags: own.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0] ?? '') }
}

/** Asks every script that is called for its --help, all in one process: starting one for each would take most of the time. */
export async function helpTextsOf(root: string, calls: readonly Call[]): Promise<HelpTexts> {
  const keys = [...new Set(calls.map(({ key }) => key))]
  if (keys.length === 0) return new Map()
  const asker = join(import.meta.dirname, 'ask-help.ts')
  const node = [process.execPath, `--import=${join(import.meta.dirname, '..', 'run-typescript.mjs')}`]
  const { stdout } = await shell(childEnvironment(), { cwd: root })`${node} ${asker} ${keys}`
  return new Map(Object.entries(v.parse(v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string())), stdout)))
}
