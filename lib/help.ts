import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { describeFlags, type Flags } from './flags.ts'
import { projectRoot } from './settings.ts'

/** Prints a script's --help on stdout. Returns exit code 0. */
export function showHelp(script: string, summary: string, flags: Flags): number {
  process.stdout.write(`${summary}

  npx zx scripts/${script}.ts [flags]

${describeFlags(flags)}
`)
  return 0
}

/** Prints the project's version on stdout. Returns exit code 0. */
export async function showVersion(): Promise<number> {
  const content = await readFile(join(projectRoot, 'package.json'), 'utf8')
  const { version } = v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), content)
  process.stdout.write(`${version}\n`)
  return 0
}
