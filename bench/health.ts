/**
 * health-check against `flux check` and `flux get all --all-namespaces`, in turn, on a lab filled with objects of Flux; whole processes,
 * start-up included, and the most memory that health-check takes.
 *
 *   npx zx bench/health.ts [OBJECTS] [ROUNDS]
 */
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { clusterAt } from '../lib/kubernetes/client.ts'
import { openProxy } from '../lib/connection/kubectl-proxy.ts'
import { createConsole } from '../lib/terminal/console.ts'
import { findAccess } from '../lib/connection/kubeconfig.ts'
import { projectRoot } from '../lib/base/paths.ts'
import { makeTemporaryFolder } from '../lib/process/temporary-folder.ts'
import { ensureLab } from '../lab/client.ts'
import { fill } from './flux-objects.ts'

const numbers = process.argv.slice(2).flatMap((word) => (/^\d+$/.test(word) ? [Number(word)] : []))
const [objects = 1000, rounds = 7] = numbers
const home = await mkdtemp(join(tmpdir(), 'frb-bench-'))
process.env.FLUX_LAB_HOME = home
const console = createConsole({ clean: (text) => text })
const lab = await ensureLab(['infra'], console)
const scriptOf = (name: string, ...args: string[]) =>
  promisify(execFile)('npx', ['zx', `scripts/${name}.ts`, ...args], { cwd: projectRoot })
const env = {
  ...process.env,
  PATH: `${lab.bin}:${process.env.PATH ?? ''}`,
  KUBECONFIG: lab.kubeconfig,
  GIT_USERNAME: lab.git.username,
  GIT_PASSWORD: lab.git.password,
}

interface Took {
  readonly seconds: number
  /** Of the process itself, not its children. */
  readonly megabytes: number
}

/** What a whole process takes; throws with its output where it fails. */
async function time(command: string, ...args: string[]): Promise<Took> {
  const started = performance.now()
  const child = spawn(command, args, { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  let megabytes = 0
  const watching = setInterval(() => {
    megabytes = peakOf(child.pid ?? 0) ?? megabytes
  }, 10)
  const code = await new Promise((resolve) => child.once('close', resolve))
  clearInterval(watching)
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}:\n${output.join('')}`)
  return { seconds: (performance.now() - started) / 1000, megabytes }
}

/** The most memory that a living process has taken, in megabytes. */
function peakOf(pid: number): number | undefined {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] // gone once it has ended
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
  } catch {
    return undefined
  }
}

const health = ['scripts/health-check.ts', '--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', lab.kubeconfig]
/** What .npmrc has npx give to zx. */
const preload = '--import=./lib/loader/run-typescript.mjs'
const contestants = {
  'npx zx health-check': async () => (await time('npx', 'zx', ...health)).seconds,
  'zx health-check': async () => (await time(process.execPath, preload, 'node_modules/zx/build/cli.js', ...health)).seconds,
  'flux check, get all': async () =>
    (await time('flux', 'check', '--context=lab-infra')).seconds +
    (await time('flux', 'get', 'all', '--all-namespaces', '--context=lab-infra')).seconds,
}

const median = (all: readonly number[]): number => [...all].sort((one, other) => one - other)[Math.floor(all.length / 2)] ?? NaN
const row = (name: string, all: readonly number[], unit: string): string =>
  `${name.padEnd(20)} min ${Math.min(...all).toFixed(2)}${unit}  median ${median(all).toFixed(2)}${unit}  max ${Math.max(...all).toFixed(2)}${unit}\n`

try {
  await scriptOf('bootstrap', '--lab', '--yes')
  const folder = await makeTemporaryFolder()
  const proxy = await openProxy(await findAccess(join(lab.bin, 'kubectl'), 'lab-infra', lab.kubeconfig), folder)
  const patience = { milliseconds: 30_000, trouble: () => undefined, over: () => undefined }
  const filling = console.wait(`filling the cluster with ${objects} objects`)
  await fill(clusterAt(proxy.endpoint, patience, new AbortController().signal), objects, (done) =>
    filling.on(`${done} of ${objects} objects`),
  )
  filling.success(`${objects} objects are there`)
  await proxy.close()

  const names = Object.keys(contestants)
  const took = new Map<string, number[]>(names.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const seconds = await run()
      if (round > 0) took.get(name)?.push(seconds) // the first warms up
    }
  }
  const { megabytes } = await time(process.execPath, preload, 'node_modules/zx/build/cli.js', ...health)
  const theirs = took.get('flux check, get all') ?? []
  process.stdout.write(`${objects} objects, Node ${process.versions.node}\n`)
  for (const [name, all] of took) process.stdout.write(row(name, all, ' s'))
  for (const name of names.slice(0, 2)) {
    const ratios = (took.get(name) ?? []).map((own, at) => own / (theirs[at] ?? NaN))
    process.stdout.write(row(`ratio, ${name.split(' ')[0]}`, ratios, ''))
  }
  process.stdout.write(`health-check took ${megabytes.toFixed(0)} MB at most\n`)
} finally {
  await scriptOf('lab', 'down')
  await rm(home, { recursive: true, force: true })
}
