import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { labCommands } from '../lab/commands.ts'
import { helpTextsOf } from '../lib/commands/validate/help-texts.ts'
import { type CommandDescription, parseDescription } from './command-descriptions.ts'

/** What each command says of itself, asked of the scripts of this checkout. */
export async function describeCommands(root: string): Promise<CommandDescription[]> {
  const scripts = (await readdir(join(root, 'scripts'))).filter((name) => name !== 'lab.ts')
  const texts = await helpTextsOf(
    root,
    scripts.map((name) => ({ key: `scripts/${name} --json` })),
  )
  return [...texts.values(), labText()].map(parseDescription)
}

/** The lab, whose commands have a help each. */
function labText(): string {
  const commands = Object.fromEntries(Object.entries(labCommands).map(([name, { summary, flags }]) => [name, { summary, flags }]))
  const summary = 'Local clusters with a real Flux, as plain processes on this machine.'
  return JSON.stringify({ script: 'lab', summary, usage: 'COMMAND', flags: {}, lists: {}, examples: [], commands })
}
