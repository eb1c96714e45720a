import * as v from 'valibot'
import { parseLabCall } from '../lab/command-line.ts'
import { messageOf } from '../lib/base/errors.ts'
import { projectRoot } from '../lib/base/paths.ts'
import { helpTextsOf } from '../lib/commands/validate/help-texts.ts'
import { commandsIn, type ShellCommand } from '../lib/commands/validate/shell-words.ts'
import { type Flag, type Flags, parseFlags, type RefusedFlags } from '../lib/terminal/flags.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** What each script says of its flags, by its path, with the subcommand that has flags of its own. */
    readonly helpPages: HelpPages
  }
}

interface Page {
  readonly flags: Flags
  readonly refuses: RefusedFlags
}
export type HelpPages = Readonly<Record<string, Page>>

const shared = { help: v.string(), required: v.exactOptional(v.string()) }
const flagSchema = v.variant('type', [
  v.object({ ...shared, type: v.literal('boolean') }),
  v.object({
    ...shared,
    type: v.literal('string'),
    value: v.string(),
    choices: v.exactOptional(v.array(v.string())),
    format: v.exactOptional(v.picklist(['duration', 'version'])),
    optional: v.exactOptional(v.boolean()),
    repeats: v.exactOptional(v.boolean()),
  }),
])
const pageSchema = v.object({
  flags: v.record(v.string(), flagSchema),
  refuses: v.optional(v.record(v.string(), v.string()), {}),
})

const scripts = [
  'bootstrap',
  'capture',
  'drill',
  'health-check',
  'rebuild',
  'recover',
  'restore',
  'rollback',
  'teardown',
  'upgrade',
  'validate',
]
const fleetCommands = ['', ' health-check', ' capture', ' upgrade', ' rollback', ' drill', ' status']

/** Asks all scripts, in one process, which flags they take; the lab's commands are known without. */
export async function readHelpPages(): Promise<HelpPages> {
  const keys = [...scripts.map((name) => `scripts/${name}.ts`), ...fleetCommands.map((name) => `scripts/fleet.ts${name}`)]
  const texts = await helpTextsOf(
    projectRoot,
    keys.map((key) => ({ key: `${key} --json` })),
  )
  const read = (key: string): Page => v.parse(v.pipe(v.string(), v.parseJson(), pageSchema), texts.get(`${key} --json`))
  return Object.fromEntries(keys.map((key) => [key, read(key)]))
}

/** The printed calls of our own scripts that these would refuse: an unknown flag, a value that is missing, a word too many. */
export function refusedCalls(commands: readonly string[], pages: HelpPages): string[] {
  return commands.flatMap((command) =>
    commandsIn(command).flatMap((part) => {
      const refused = refusalOf(part, pages)
      return refused === undefined ? [] : [`${command}\n  is refused: ${refused}`]
    }),
  )
}

function refusalOf({ program, words }: ShellCommand, pages: HelpPages): string | undefined {
  const isTyped = program === 'npx' && words[0] === 'zx'
  if (!isTyped && program !== 'flux-runbook') return undefined
  const [name = '', ...args] = isTyped ? words.slice(1) : words
  const script = name.replace(/^scripts\/|\.ts$/g, '')
  try {
    if (script === 'lab') parseLabCall(args)
    else parseCall(script, args, pages)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function parseCall(script: string, args: readonly string[], pages: HelpPages): void {
  const [first = ''] = args
  const key = `scripts/${script}.ts`
  const isFleet = script === 'fleet' && /^[a-z]/.test(first)
  const page = pages[isFleet ? `${key} ${first}` : key]
  if (page === undefined) throw new Error(`there is no ${[script, ...(isFleet ? [first] : [])].join(' ')}`)
  const flags = Object.fromEntries(
    Object.entries(page.flags).map(([name, flag]) => [name, isToBeFilledIn(name, args) ? anyValue(flag) : flag]),
  )
  const most = script === 'validate' ? Number.POSITIVE_INFINITY : first === 'status' ? 1 : 0
  parseFlags(script, flags, isFleet ? args.slice(1) : args, most, page.refuses)
}

/** Whether the flag's value is for the person to fill in, as in `--to X.Y.Z`. */
function isToBeFilledIn(name: string, args: readonly string[]): boolean {
  const at = args.findIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`))
  const value = args[at]?.split('=')[1] ?? args[at + 1] ?? ''
  return at !== -1 && /^[A-Z]/.test(value)
}

function anyValue(flag: Flag): Flag {
  return flag.type === 'boolean' ? flag : { type: 'string', value: flag.value, help: flag.help }
}
