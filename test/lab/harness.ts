import { execFile, execFileSync, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { onTestFinished } from 'vitest'
import { type Cluster, clusterAt } from '../../lib/kubernetes/client.ts'
import { openProxy } from '../../lib/connection/kubectl-proxy.ts'
import { findAccess } from '../../lib/connection/kubeconfig.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { makeTemporaryFolder } from '../../lib/process/temporary-folder.ts'
import { bringUp, type LabAccess, labAccess, reportLab } from '../../lab/client.ts'
import { labHome } from '../../lab/home.ts'
import { takeDown } from '../../lab/take-down.ts'
import { recordingConsole } from '../recording-console.ts'
import { cannotBePasted, tryPrinted } from './run-trials.ts'
import { openSharedLab, type Start } from './shared-labs.ts'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A script that runs: what it has said so far can be waited for, and it can be sent a signal. */
export interface Running {
  /** Resolves when stderr has said it; throws when the script ends without. */
  readonly said: (words: string | RegExp) => Promise<void>
  readonly kill: (signal: NodeJS.Signals) => void
  /** Nobody reads any more what it says on stderr, as after `| head`, or when its terminal has closed. */
  readonly hangUp: () => void
  /** Nor what it answers on stdout. */
  readonly closeOutput: () => void
  readonly ended: Promise<Ended>
  readonly pid: number
}

interface Surroundings {
  readonly home: string
  /** The checkout, if it is not this one. */
  readonly cwd?: string
  readonly env?: Record<string, string>
}

/** Runs a script to its end. */
export function script(name: string, args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  return startScript(name, args, surroundings).ended
}

/**
 * Starts a script without a terminal, as npx does, but as one process of which the test knows the pid, and half a second sooner. npx itself
 * is what the tests by hand type.
 */
export function startScript(name: string, args: readonly string[], { home, cwd = projectRoot, env }: Surroundings): Running {
  const { CI: _, ...environment } = process.env
  const loader = join(cwd, 'lib', 'loader', 'run-typescript.mjs')
  const child = spawn(process.execPath, [`--import=${loader}`, 'node_modules/zx/build/cli.js', `scripts/${name}.ts`, ...args], {
    cwd,
    env: { ...environment, FLUX_LAB_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  const heard = new EventEmitter()
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString()
    heard.emit('more')
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      const wrong = cannotBePasted(output.stderr + output.stdout)
      if (wrong.length === 0) resolve({ code: code ?? -1, ...output })
      else reject(new Error(`${name} prints what cannot be pasted:\n${wrong.join('\n')}`))
      heard.emit('more')
    })
  })
  const has = (words: string | RegExp): boolean => (typeof words === 'string' ? output.stderr.includes(words) : words.test(output.stderr))
  return {
    async said(words) {
      while (!has(words)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`ended without saying ${String(words)}:\n${output.stderr}`)
        await once(heard, 'more')
      }
    },
    kill: (signal) => void child.kill(signal),
    hangUp: () => void child.stderr.destroy(),
    closeOutput() {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    ended,
    pid: child.pid ?? 0,
  }
}

/** A lab that no other test file uses meanwhile. */
export interface TestLab {
  readonly home: string
  readonly run: (name: string, args: readonly string[], env?: Record<string, string>) => Promise<Ended>
  readonly start: (name: string, args: readonly string[], env?: Record<string, string>) => Running
  readonly access: () => Promise<LabAccess>
  readonly cluster: (context: string) => Promise<Cluster>
  /** These four are asked to the lab itself: a script takes half a second to start, and a step that is to meet a fault may take less. */
  readonly snapshot: (name: string) => Promise<void>
  readonly reset: (name: string) => Promise<void>
  readonly setFault: (fault: string) => Promise<void>
  readonly clearFaults: (fault?: string) => Promise<void>
  /** What the lab's kubectl answers, on the context lab-infra. Throws where it fails. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>
  /** Commits to the lab's Git what `edit` makes of the named file, as a colleague would; returns what reverts it. */
  readonly change: (file: string, edit: (text: string) => string) => Promise<() => Promise<void>>
  readonly close: () => Promise<void>
}

/** Runs a bootstrap of lab-infra that is to succeed. */
export const bootstrapInfra = (): Promise<void> => bootstrapCluster('lab-infra')

/** Runs a bootstrap of a cluster of the lab that is to succeed. */
export async function bootstrapCluster(context: string): Promise<void> {
  const { code, stderr } = await script('bootstrap', ['--lab', '--context', context, '--yes'], { home: labHome() })
  if (code !== 0) throw new Error(`the bootstrap that the tests begin with ended with ${code}:\n${stderr}`)
}

/** A lab whose cluster infra runs Flux as a bootstrap has just left it. */
export async function bootstrappedLab(): Promise<TestLab> {
  const lab = await startLab(['infra'], { start: { name: 'bootstrapped', make: bootstrapInfra } })
  await untilRunning(lab)
  return lab
}

/**
 * A lab for one test file, with nothing on these clusters but what `start` has brought there.
 * @param options.olderFlux versions of Flux that it can run beside the newest
 */
export async function startLab(
  clusters: readonly string[],
  { olderFlux = [], start }: { readonly olderFlux?: readonly string[]; readonly start?: Start } = {},
): Promise<TestLab> {
  const { home, release } = await openSharedLab(clusters, olderFlux, start)
  const lab = await openLab(home)
  return {
    ...lab,
    async close() {
      try {
        await tryPrinted()
      } finally {
        await lab.close()
        release()
      }
    },
  }
}

/** A lab in a home of its own, which a test may take down. */
export async function startOwnLab(clusters: readonly string[], olderFlux: readonly string[] = []): Promise<TestLab> {
  const home = mkdtempSync(join(tmpdir(), 'frb-lab-'))
  process.env.FLUX_LAB_HOME = home
  await bringUp(clusters, recordingConsole().console, undefined, { olderFlux })
  const lab = await openLab(home)
  return {
    ...lab,
    async close() {
      await lab.close()
      await takeDown(false)
      rmSync(home, { recursive: true, force: true })
    },
  }
}

async function openLab(home: string): Promise<TestLab> {
  const { bin, kubeconfig } = await labAccess()
  const stops: (() => Promise<void>)[] = []
  const run = (name: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => script(name, args, { env, home })
  return {
    home,
    run,
    start(name, args, env = {}) {
      const running = startScript(name, args, { env, home })
      onTestFinished(async () => {
        running.kill('SIGKILL') // a test that failed may have left it, while it held the lock
        await running.ended
      })
      return running
    },
    access: labAccess,
    snapshot: async (name) => void (await reportLab({ do: 'snapshot', name })),
    reset: async (name) => void (await reportLab({ do: 'reset', name })),
    setFault: async (fault) => void (await reportLab({ do: 'fault-set', fault })),
    clearFaults: async (fault) => void (await reportLab({ do: 'fault-clear', ...(fault === undefined ? {} : { fault }) })),
    async kubectl(...args) {
      const env = { KUBECONFIG: kubeconfig, HOME: home }
      return (await promisify(execFile)(join(bin, 'kubectl'), ['--context=lab-infra', ...args], { env })).stdout
    },
    async cluster(context) {
      const proxy = await openProxy(await findAccess(join(bin, 'kubectl'), context, kubeconfig), makeTemporaryFolder())
      const stop = new AbortController()
      stops.push(async () => {
        stop.abort()
        await proxy.close()
      })
      return clusterAt(proxy.endpoint, { milliseconds: 30_000, trouble: () => undefined, over: () => undefined }, stop.signal)
    },
    async change(file, edit) {
      const { git } = await labAccess()
      const before = commitFile(withLogin(git), file, edit)
      return () => Promise.resolve(void commitFile(withLogin(git), file, () => before))
    },
    async close() {
      await Promise.all(stops.map((stop) => stop()))
    },
  }
}

/**
 * Waits until Flux's pods run and none has restarted, as it is where people begin. After a reset of the lab they are being started, and on a
 * busy machine one may lose its lease meanwhile: health rightly warns of that for ten minutes, so its pod is replaced.
 */
export async function untilRunning(lab: Pick<TestLab, 'kubectl'>): Promise<void> {
  const wait = (): Promise<string> =>
    lab.kubectl('--namespace', 'flux-system', 'wait', 'pods', '--all', '--for=condition=Ready', '--timeout=90s')
  await wait()
  const restarts = '{range .items[*]}{.metadata.name} {.status.containerStatuses[*].restartCount}{"\\n"}{end}'
  const listed = await lab.kubectl('--namespace', 'flux-system', 'get', 'pods', '--output', `jsonpath=${restarts}`)
  const restarted = listed.split('\n').flatMap((line) => {
    const [name = '', ...counts] = line.split(' ')
    return counts.some((count) => Number(count) > 0) ? [name] : []
  })
  for (const name of restarted) {
    const log = await lab.kubectl('--namespace', 'flux-system', 'logs', name, '--previous', '--tail=5').catch(String)
    console.warn(`${name} has restarted, and is replaced; before that it wrote:\n${log}`)
    await lab.kubectl('--namespace', 'flux-system', 'delete', 'pod', name)
  }
  if (restarted.length > 0) await wait()
}

/** Puts a checkout of a person's own into the folder, whose settings can differ from this one's. */
export function copyCheckout(folder: string): void {
  for (const part of ['scripts', 'lib', 'lab', 'package.json', '.npmrc', 'kubernetes'])
    cpSync(join(projectRoot, part), join(folder, part), { recursive: true })
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
}

/** The address of the lab's Git that takes commits, with the login in it. */
export function withLogin({ url, username, password }: LabAccess['git']): string {
  return url.replace('://', `://${username}:${password}@`)
}

/** Commits one file to main by a clone of its own; returns what the file held before. */
export function commitFile(url: string, file: string, edit: (text: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'frb-clone-'))
  const git = (...args: string[]): void => {
    const author = ['-c', 'user.name=A colleague', '-c', 'user.email=colleague@example.com']
    execFileSync('git', [...author, '-C', folder, ...args], { stdio: 'pipe' })
  }
  try {
    git('clone', '--quiet', url, '.')
    const path = join(folder, file)
    const before = existing(path)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, edit(before))
    git('add', '--all')
    git('commit', '--quiet', '--message', `Change ${file}`)
    git('push', '--quiet', 'origin', 'HEAD:main')
    return before
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function existing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // a new file
  }
}

const documentSchema = v.looseObject({
  schemaVersion: v.literal(1),
  script: v.string(),
  context: v.string(),
  runId: v.string(),
  outcome: v.string(),
  exitCode: v.number(),
  steps: v.optional(v.array(v.looseObject({ id: v.string(), state: v.string(), detail: v.string() })), []),
  error: v.optional(v.object({ message: v.string(), remedy: v.optional(v.string()) })),
})

/** The one JSON document that `--json` prints on stdout. */
export function documentOf({ stdout }: Ended): v.InferOutput<typeof documentSchema> {
  return v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)
}
