import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { packageRoot } from '../lib/base/paths.ts'

const flagSchema = v.variant('type', [
  v.object({ type: v.literal('boolean'), help: v.string(), required: v.exactOptional(v.string()) }),
  v.object({
    type: v.literal('string'),
    value: v.string(),
    help: v.string(),
    required: v.exactOptional(v.string()),
    choices: v.exactOptional(v.array(v.string())),
    format: v.exactOptional(v.picklist(['duration', 'version'])),
    optional: v.exactOptional(v.boolean()),
    repeats: v.exactOptional(v.boolean()),
  }),
])
const texts = v.record(v.string(), v.string())

/** What a command says of itself: what its `--help --json` prints. */
const descriptionSchema = v.object({
  script: v.string(),
  summary: v.string(),
  usage: v.string(),
  flags: v.record(v.string(), flagSchema),
  refuses: v.exactOptional(texts),
  /** Names that a flag's value is chosen from, by a title that names the flag: `Probes (--only)`. */
  lists: v.record(v.string(), texts),
  examples: v.array(v.string()),
  /** The commands below it, which only the lab has. */
  commands: v.exactOptional(v.record(v.string(), v.object({ summary: v.string(), flags: v.record(v.string(), flagSchema) }))),
})
export type CommandDescription = v.InferOutput<typeof descriptionSchema>

/** The folder of what was built that keeps them, a file for each command. */
export function descriptionsIn(dist: string): string {
  return join(dist, 'commands')
}

const descriptionsFolder = descriptionsIn(join(packageRoot, 'dist'))

/** @param text one of them, as JSON */
export function parseDescription(text: string): CommandDescription {
  return v.parse(v.pipe(v.string(), v.parseJson(), descriptionSchema), text)
}

/** What the command says of itself. */
export function readDescription(name: string): CommandDescription {
  return parseDescription(readFileSync(join(descriptionsFolder, `${name}.json`), 'utf8'))
}

/** What each says. */
export function readDescriptions(): CommandDescription[] {
  return readdirSync(descriptionsFolder)
    .sort()
    .map((file) => readDescription(basename(file, '.json')))
}
