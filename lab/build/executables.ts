import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ensureOwnFolder, forPrograms } from '../../lib/base/own-folder.ts'
import type { Console, Waiting } from '../../lib/terminal/console.ts'
import { withLock } from './lock.ts'
import { buildRecipe } from './build-recipe.ts'
import { executablesHome } from '../home.ts'
import { compileArguments, type DefaultRecipe, olderFlux, readDefaultRecipe, readFluxRecipe, type Recipe } from './recipe.ts'
import { readPulumiEngineRecipe, readPulumiProviderRecipe, readSdkVersion } from './pulumi-recipes.ts'
import { readHelmRecipe, readKubectlRecipe, readMonitoringRecipe, readSshRecipe } from './optional-recipes.ts'
import { type Go, goSettings } from './run-go.ts'
import { ensureGo, fetchedVersion, findGo } from './toolchain.ts'

/** A program that runs in pods, and the image it stands for. */
export interface ProgramImage {
  readonly image: string
  readonly tag: string
  readonly path: string
  /** The program's own version, where it is another than the tag says. */
  readonly version?: string
}

/** Where the lab's executables are, as absolute paths, and what they are. */
export interface Executables {
  /** Holds kubectl, helm, flux, etcd, kube-apiserver and kube-controller-manager under these names: something for PATH. */
  readonly bin: string
  /** Also `control-plane registry ADDRESS` and `control-plane certificate HOST…`. */
  readonly controlPlane: string
  readonly kubectl: string
  readonly helm: string
  readonly flux: string
  /** Programs that run in pods, by the image each stands for. */
  readonly images: readonly ProgramImage[]
  /** A copy of the flux-operator module's folder `config`, and the operator's version without `v`. */
  readonly operatorConfig: string
  readonly operatorVersion: string
}

/**
 * Finds the lab's executables, building them first where that was not done yet: some ten minutes, once.
 * @param signal ends a build, which can continue where it was the next time
 * @param older versions of Flux to build as well; those that were built before are found by themselves
 */
export async function ensureExecutables(console: Console, signal?: AbortSignal, older: readonly string[] = []): Promise<Executables> {
  for (const warning of ensureOwnFolder(dirname(executablesHome()), forPrograms)) console.warning(warning)
  const recipe = await readDefaultRecipe()
  const go = await findGo()
  const found = executablesIn(await ensureBuilt(recipe, go, console, signal), recipe)
  const images = [...found.images]
  for (const version of olderFlux) {
    const flux = await readFluxRecipe(version)
    const isWanted = older.includes(version) || existsSync(await folderOf(flux, go))
    if (isWanted) images.push(...imagesIn(await ensureBuilt(flux, go, console, signal), flux))
  }
  return { ...found, images }
}

/** Where the programs are that prove the monitoring. */
export interface MonitoringPrograms {
  readonly alertmanager: string
  readonly promtool: string
  readonly victoriaMetrics: string
  /** A folder with the CRDs of the Prometheus Operator. */
  readonly crds: string
}

/** Finds the programs that prove the monitoring, building them first where that was not done yet. Only tests want them. */
export async function ensureMonitoring(console: Console, signal?: AbortSignal): Promise<MonitoringPrograms> {
  const folder = await ensureBuilt(await readMonitoringRecipe(), await findGo(), console, signal)
  const bin = join(folder, 'bin')
  return {
    crds: join(folder, 'crds'),
    alertmanager: join(bin, 'alertmanager'),
    promtool: join(bin, 'promtool'),
    victoriaMetrics: join(bin, 'victoria-metrics'),
  }
}

/** Finds the SSH server, building it first where that was not done yet. Only a test wants it. */
export async function ensureSshServer(console: Console, signal?: AbortSignal): Promise<string> {
  return join(await ensureBuilt(await readSshRecipe(), await findGo(), console, signal), 'bin', 'ssh-server')
}

/** Finds helm 3, building it first where that was not done yet. */
export async function ensureHelm3(console: Console, signal?: AbortSignal): Promise<string> {
  return join(await ensureBuilt(await readHelmRecipe(), await findGo(), console, signal), 'bin', 'helm')
}

/** Finds the older kubectl, building it first where that was not done yet. */
export async function ensureOlderKubectl(console: Console, signal?: AbortSignal): Promise<string> {
  return join(await ensureBuilt(await readKubectlRecipe(), await findGo(), console, signal), 'bin', 'kubectl')
}

/** Where Pulumi's programs are. */
export interface PulumiPrograms {
  readonly engine: string
  readonly provider: string
  /** What the provider says it is, which is what the SDK asks for. */
  readonly providerVersion: string
}

/** Finds Pulumi's engine and provider, building them first where that was not done yet. */
export async function ensurePulumi(console: Console, signal?: AbortSignal): Promise<PulumiPrograms> {
  const go = await findGo()
  const engine = await ensureBuilt(await readPulumiEngineRecipe(), go, console, signal)
  const provider = await ensureBuilt(await readPulumiProviderRecipe(), go, console, signal)
  return pulumiIn(engine, provider)
}

/** Pulumi's engine and provider where they were built already; undefined where one was not. Nothing is built. */
export async function findPulumi(): Promise<PulumiPrograms | undefined> {
  const go = await findGo()
  const [engine, provider] = [await folderOf(await readPulumiEngineRecipe(), go), await folderOf(await readPulumiProviderRecipe(), go)]
  return existsSync(engine) && existsSync(provider) ? pulumiIn(engine, provider) : undefined
}

async function pulumiIn(engine: string, provider: string): Promise<PulumiPrograms> {
  return {
    engine: join(engine, 'bin', 'pulumi'),
    provider: join(provider, 'bin', 'pulumi-resource-kubernetes'),
    providerVersion: await readSdkVersion(),
  }
}

async function folderOf(recipe: Recipe, go: Go | undefined): Promise<string> {
  return join(executablesHome(), `${recipe.name}-${await fingerprint(recipe, go?.version ?? `go${fetchedVersion}`)}`)
}

/** The lab's executables where they were built already; undefined where they were not. Nothing is built. */
export async function findExecutables(): Promise<Executables | undefined> {
  ensureOwnFolder(dirname(executablesHome()), forPrograms)
  const recipe = await readDefaultRecipe()
  const folder = await folderOf(recipe, await findGo())
  return existsSync(folder) ? executablesIn(folder, recipe) : undefined
}

/** Builds a recipe unless it was built before. @returns the folder of what was built */
async function ensureBuilt(recipe: Recipe, go: Go | undefined, console: Console, signal: AbortSignal | undefined): Promise<string> {
  const folder = await folderOf(recipe, go)
  // It is there as a whole or not at all.
  if (existsSync(folder)) return folder
  await mkdir(executablesHome(), { recursive: true, mode: 0o700 })
  let waiting: Waiting | undefined
  const waitFor = (pid: number): void => {
    waiting ??= console.wait(`waiting for process ${pid}, which is building ${recipe.title}`)
  }
  const build = async (): Promise<void> => {
    waiting?.success('the other process has ended')
    if (!existsSync(folder)) await buildRecipe(recipe, { go: go ?? (await ensureGo(console, signal)), folder, console, signal })
  }
  await withLock(`${folder}.lock`, waitFor, build, signal).finally(() => waiting?.stop())
  return folder
}

/** What decides the executables' content decides the name of their folder. */
async function fingerprint(recipe: Recipe, goVersion: string): Promise<string> {
  const hash = createHash('sha256')
  const { programs, embedded, beside } = recipe
  const made = [programs, embedded, beside, compileArguments(recipe, ''), goSettings]
  hash.update(JSON.stringify([...made, goVersion, process.platform, process.arch]))
  for (const file of recipe.files) hash.update(`${file}\n`).update(await readFile(join(recipe.folder, file)))
  return hash.digest('hex').slice(0, 12)
}

function executablesIn(folder: string, recipe: DefaultRecipe): Executables {
  const bin = join(folder, 'bin')
  return {
    bin,
    controlPlane: join(bin, 'control-plane'),
    kubectl: join(bin, 'kubectl'),
    helm: join(bin, 'helm'),
    flux: join(bin, 'flux'),
    images: imagesIn(folder, recipe),
    operatorConfig: join(folder, 'operator-config'),
    operatorVersion: recipe.operatorVersion,
  }
}

function imagesIn(folder: string, { programs }: Recipe): ProgramImage[] {
  return programs
    .filter(({ inPods }) => inPods === true)
    .map(({ name, version, tag }) => ({
      image: name,
      tag: tag ?? version,
      path: join(folder, 'bin', name),
      ...(tag === undefined ? {} : { version }),
    }))
}
