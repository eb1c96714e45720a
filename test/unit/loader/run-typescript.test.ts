import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { projectRoot } from '../../../lib/base/paths.ts'

let folder = ''
let kept = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-typescript-'))
  kept = join(folder, 'kept', 'below')
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}')
  writeFileSync(
    join(folder, 'greeting.ts'),
    'export interface Person { name: string }\nexport const greet = ({ name }: Person): string => `Hello ${name}`\n',
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs TypeScript by our own hooks, whether this Node needs them or not. */
async function run(typescript: string, options: { keptIn?: string; isScript?: boolean } = {}): Promise<string> {
  writeFileSync(join(folder, 'main.ts'), typescript)
  return runAgain({ isScript: false, ...options })
}

/** Runs what was run last. */
async function runAgain({ keptIn = kept, isScript = true }: { keptIn?: string; isScript?: boolean } = {}): Promise<string> {
  const main = join(folder, 'main.ts')
  const data = JSON.stringify({ data: { kept: keptIn, ...(isScript ? { script: pathToFileURL(realpathSync(main)).href } : {}) } })
  const hooks = pathToFileURL(join(projectRoot, 'lib', 'loader', 'strip-types.mjs')).href
  const preload = `data:text/javascript,import{register}from'node:module';register('${hooks}',${data})`
  return (await promisify(execFile)(process.execPath, ['--enable-source-maps', `--import=${preload}`, main])).stdout
}

test('a script is called by its name from any folder of the checkout', { timeout: 60_000 }, async () => {
  const zx = join(projectRoot, 'node_modules', 'zx', 'build', 'cli.js')
  const loader = pathToFileURL(join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')).href
  const called = promisify(execFile)(process.execPath, [`--import=${loader}`, zx, 'scripts/health-check.ts', '--version'], {
    cwd: join(projectRoot, 'docs', 'runbooks'),
  })
  expect((await called).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

const hello = "import { greet, type Person } from './greeting.ts'\nconst you: Person = { name: 'you' }\nconsole.log(greet(you))\n"

test('TypeScript runs, and the JavaScript made of it is kept until it changes', { timeout: 60_000 }, async () => {
  expect(await run(hello)).toBe('Hello you\n')
  const files = readdirSync(kept)
  expect(files).toHaveLength(2)
  for (const file of files) {
    const javascript = readFileSync(join(kept, file), 'utf8')
    writeFileSync(join(kept, file), javascript.replace('Hello', 'Kept'))
  }
  expect(await run(hello)).toBe('Kept you\n')
  expect(await run(hello.replace("'you'", "'me'"))).toBe('Kept me\n')
  expect(readdirSync(kept)).toHaveLength(3)
})

test('a folder that cannot be written to keeps nothing, and the script runs', { timeout: 60_000 }, async () => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  expect(await run(hello, { keptIn: join(file, 'below') })).toBe('Hello you\n')
  expect(await run(hello, { keptIn: join(file, 'below'), isScript: true })).toBe('Hello you\n')
})

test('an error names the line of the TypeScript', { timeout: 60_000 }, async () => {
  const throwing = "// a comment\n\ninterface Gone { name: string }\n\nconst gone: Gone = { name: 'gone' }\nthrow new Error(gone.name)\n"
  await expect(run(throwing)).rejects.toThrow('main.ts:6:7')
  await expect(run(throwing, { isScript: true })).rejects.toThrow('main.ts:6:7')
})

test('the script of a process is one file with all that it imports, kept until one of them changes', { timeout: 60_000 }, async () => {
  expect(await run(hello, { isScript: true })).toBe('Hello you\n')
  const [bundle = '', ...others] = readdirSync(kept).filter((name) => name.endsWith('.js'))
  expect(others).toEqual([])
  writeFileSync(join(kept, bundle), readFileSync(join(kept, bundle), 'utf8').replace('Hello', 'Kept'))
  expect(await runAgain()).toBe('Kept you\n')
  const greeting = join(folder, 'greeting.ts')
  writeFileSync(greeting, readFileSync(greeting, 'utf8').replace('Hello', 'Goodbye'))
  expect(await runAgain()).toBe('Goodbye you\n')
})

test('in that one file a module still finds what lies beside its own', { timeout: 60_000 }, async () => {
  mkdirSync(join(folder, 'below'))
  writeFileSync(
    join(folder, 'below', 'places.ts'),
    'export const places: string[] = [import.meta.filename, import.meta.dirname, import.meta.url]\n',
  )
  const printing = "import { places } from './below/places.ts'\nconsole.log(JSON.stringify(places))\n"
  const below = join(realpathSync(folder), 'below')
  const places = [join(below, 'places.ts'), below, pathToFileURL(join(below, 'places.ts')).href]
  expect(JSON.parse(await run(printing, { isScript: true }))).toEqual(places)
  expect(JSON.parse(await run(printing))).toEqual(places)
})
