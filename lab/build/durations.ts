import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { showDuration } from '../../lib/base/duration.ts'
import { executablesHome } from '../home.ts'

const schema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.object({ milliseconds: v.number(), amount: v.number() })))

type Durations = v.InferOutput<typeof schema>

/** How long everything took last time this recipe was built: `513 modules in 1 m 52 s, 4398 packages in 7 m 12 s`; empty the first time. */
export async function lastTime(recipe: string): Promise<string> {
  const parts = Object.entries(await read(recipe)).map(
    ([what, { amount, milliseconds }]) => `${amount} ${what} in ${showDuration(milliseconds)}`,
  )
  return parts.join(', ')
}

/** Remembers how long something took in building this recipe, to tell people next time. */
export async function rememberDuration(recipe: string, what: string, milliseconds: number, amount: number): Promise<void> {
  const durations = { ...(await read(recipe)), [what]: { milliseconds, amount } }
  await writeFile(`${file(recipe)}.new`, JSON.stringify(durations, undefined, 2))
  await rename(`${file(recipe)}.new`, file(recipe))
}

async function read(recipe: string): Promise<Durations> {
  const parsed = v.safeParse(schema, await readFile(file(recipe), 'utf8').catch(() => '{}'))
  return parsed.success ? parsed.output : {} // it only informs: what can't be read is forgotten
}

function file(recipe: string): string {
  return join(executablesHome(), `durations-${recipe}.json`)
}
