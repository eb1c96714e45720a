import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import * as v from 'valibot'
import type { Console } from '../../lib/terminal/console.ts'
import { messageOf, OperatorError } from '../../lib/base/errors.ts'
import { explainFailure } from './failure.ts'
import { lastTime, rememberDuration } from './durations.ts'
import { startOf } from '../../lib/process/process-start.ts'
import { compileArguments, type ModuleFolder, packagesOf, type Recipe, tagsOf } from './recipe.ts'
import { type Go, type GoRun, runGo } from './run-go.ts'

export interface BuildOptions {
  readonly go: Go
  /** Appears in one instant, when all that belongs in it is done. */
  readonly folder: string
  readonly console: Console
  readonly signal: AbortSignal | undefined
}

/**
 * Builds all that a recipe makes. It works in a folder of its own, of which only the log stays. A build that was killed continues where it was,
 * because Go keeps what it has downloaded and compiled.
 */
export async function buildRecipe(recipe: Recipe, { go, folder, console, signal }: BuildOptions): Promise<void> {
  await removeLeftovers(folder)
  const work = `${folder}${building}${process.pid}`
  const made = join(work, 'made')
  const run: GoRun = { go, folder: join(work, 'module'), temporary: join(work, 'tmp'), log: `${folder}.log`, signal }
  const last = await lastTime(recipe.name)
  console.action(`building ${recipe.title} with ${go.version} (${last === '' ? recipe.usually : `last time: ${last}`})`)
  console.faint(`  log: ${run.log}`)
  try {
    await mkdir(run.temporary, { recursive: true })
    for (const file of recipe.files) await writeNew(join(run.folder, file), await readFile(join(recipe.folder, file)))
    const total = await fetchModules(recipe, run, console)
    for (const beside of recipe.beside) await copyFromModule(beside, made, run)
    await compile(recipe, run, { bin: join(made, 'bin'), total, console })
    await rename(made, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error // else another process has built the same
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw error instanceof OperatorError ? error : explainFailure(`${recipe.title} cannot be built`, [messageOf(error)], run.log)
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 5 })
  }
}

const building = '.building-'

/** What was left by builds that were killed. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(dirname(folder))) {
    const [whose, pid] = name.split(building)
    if (whose !== basename(folder) || pid === undefined || startOf(Number(pid)) !== undefined) continue
    await rm(join(dirname(folder), name), { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Makes the vendor folder. @returns how many Go packages the programs consist of */
async function fetchModules(recipe: Recipe, run: GoRun, console: Console): Promise<number> {
  let downloaded = 0
  let module = ''
  const progress = {
    now: () => `downloading Go modules, ${downloaded} of ≤${recipe.modules}: ${module}`,
    done: () => (downloaded === 0 ? 'all Go modules were here' : `${downloaded} Go modules downloaded`),
    failed: 'downloading Go modules',
  }
  return whileShowing(console, progress, async () => {
    const started = Date.now()
    // -e, because modules embed files that they do not carry, which is fixed next. Whether more is amiss, `go list` tells.
    const vendored = await runGo({ ...run, processors: 16 }, ['mod', 'vendor', '-e'], (line) => {
      const found = /^go: downloading (\S+)/.exec(line)
      if (found === null) return
      downloaded++
      module = found[1] ?? ''
    })
    const what = `the Go modules of ${recipe.title} cannot be downloaded`
    if (!vendored.ok) throw explainFailure(what, vendored.complaints, run.log)
    const vendor = join(run.folder, 'vendor')
    for (const file of recipe.embedded) {
      if ('text' in file) await writeNew(join(vendor, file.to), file.text)
      else await copyFromModule(file, vendor, run)
    }
    const listed = await runGo(run, ['list', '-mod=vendor', '-deps', ...tagsOf(recipe), ...packagesOf(recipe)])
    if (!listed.ok) throw explainFailure(what, [...vendored.complaints, ...listed.complaints], run.log)
    if (downloaded > 0) await rememberDuration(recipe.name, 'modules', Date.now() - started, downloaded)
    return listed.output.length
  })
}

/** Compiles the programs into the folder `bin`, under their names. */
async function compile(
  recipe: Recipe,
  run: GoRun,
  { bin, total, console }: { bin: string; total: number; console: Console },
): Promise<void> {
  let compiled = 0
  let current = ''
  await mkdir(bin, { recursive: true })
  const progress = {
    now() {
      const done = readdirSync(bin).length
      return `compiling, ${compiled} of ≤${total} packages, ${done} of ${recipe.programs.length} programs: ${current}`
    },
    done: () => `compiled ${recipe.programs.map(({ name, version }) => `${name} ${version}`).join(', ')}`,
    failed: 'compiling',
  }
  await whileShowing(console, progress, async () => {
    const started = Date.now()
    const result = await runGo(run, compileArguments(recipe, bin), (line) => {
      if (/\s/.test(line)) return
      compiled++
      current = line
    })
    if (!result.ok) {
      const missing = recipe.programs.filter((program) => !existsSync(join(bin, basename(program.package))))
      throw explainFailure(`${missing.map(({ name }) => name).join(', ')} cannot be compiled`, result.complaints, run.log)
    }
    for (const { name, package: path, links = [] } of recipe.programs) {
      await rename(join(bin, basename(path)), join(bin, name))
      for (const link of links) await symlink(name, join(bin, link))
    }
    if (compiled > 0) await rememberDuration(recipe.name, 'packages', Date.now() - started, compiled)
  })
}

interface Progress {
  readonly now: () => string
  readonly done: () => string
  readonly failed: string
}

/** Shows a changing text while something is done. */
async function whileShowing<T>(console: Console, progress: Progress, body: () => Promise<T>): Promise<T> {
  const waiting = console.wait(progress.now())
  const ticking = setInterval(() => waiting.on(progress.now()), console.isTerminal ? 1000 : 30_000)
  try {
    const result = await body()
    waiting.success(progress.done())
    return result
  } catch (error) {
    waiting.failure(progress.failed)
    throw error
  } finally {
    clearInterval(ticking)
  }
}

const downloadSchema = v.pipe(v.string(), v.parseJson(), v.object({ Dir: v.optional(v.string()), Error: v.optional(v.string()) }))

async function copyFromModule({ module, folder, to }: ModuleFolder, target: string, run: GoRun): Promise<void> {
  const { output, complaints } = await runGo(run, ['mod', 'download', '-json', module])
  const answer = v.safeParse(downloadSchema, output.join('\n'))
  const found = answer.success ? answer.output : {}
  if (found.Dir === undefined)
    throw explainFailure(`the Go module ${module} cannot be downloaded`, [...complaints, found.Error ?? ''], run.log)
  const source = join(found.Dir, folder)
  // Not by cp: folders in Go's cache are read-only, and so would the copies be, which then could not be removed.
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    await writeNew(join(target, to, relative(source, file)), await readFile(file))
  }
}

async function writeNew(file: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
}
