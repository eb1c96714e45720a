/**
 * Teardown of a Flux that its CLI installed, with a thousand objects, against `flux uninstall` until the namespace is really gone; then of
 * ten thousand, with the peak of memory. On the lab, in turn, whole processes.
 *
 *   npx zx bench/teardown.ts [ROUNDS]
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { clusterAt } from '../lib/kubernetes/client.ts'
import { kinds, parseObject, refOf } from '../lib/kubernetes/objects.ts'
import { fluxKinds } from '../lib/flux/kinds.ts'
import { openProxy } from '../lib/connection/kubectl-proxy.ts'
import { createConsole } from '../lib/terminal/console.ts'
import { findAccess } from '../lib/connection/kubeconfig.ts'
import { inParallel } from '../lib/base/parallel.ts'
import { projectRoot } from '../lib/base/paths.ts'
import { makeTemporaryFolder } from '../lib/process/temporary-folder.ts'
import { ensureLab } from '../lab/client.ts'

const rounds = Number(process.argv.at(-1)) || 3
const home = await mkdtemp(join(tmpdir(), 'frb-bench-'))
process.env.FLUX_LAB_HOME = home
const console = createConsole({ clean: (text) => text })
const lab = await ensureLab(['infra'], console)
const labCommand = (...args: string[]) => promisify(execFile)('npx', ['zx', 'scripts/lab.ts', ...args], { cwd: projectRoot })
const env = { ...process.env, PATH: `${lab.bin}:${process.env.PATH ?? ''}`, KUBECONFIG: lab.kubeconfig }

/** Held by their finalizers, as all objects of Flux are, and suspended, so that no controller is busy with them. */
async function fill(count: number): Promise<void> {
  const proxy = await openProxy(await findAccess(join(lab.bin, 'kubectl'), 'lab-infra', lab.kubeconfig), await makeTemporaryFolder())
  const patience = { milliseconds: 30_000, trouble: () => undefined, over: () => undefined }
  const cluster = clusterAt(proxy.endpoint, patience, new AbortController().signal)
  const spec = { interval: '1h', suspend: true, prune: true, path: './', sourceRef: { kind: 'GitRepository', name: 'fleet' } }
  const names = Array.from({ length: 20 }, (_, at) => `team-${at}`)
  await inParallel(names, 20, (name) => cluster.apply(parseObject({ ...kinds.namespace, metadata: { name } })))
  const objects = Array.from({ length: count }, (_, at) =>
    parseObject({
      ...fluxKinds.kustomization,
      metadata: { namespace: names[at % names.length], name: `app-${at}`, finalizers: ['finalizers.fluxcd.io'] },
      spec,
    }),
  )
  await inParallel(objects, 32, (object) => cluster.create(object))
  if ((await cluster.get(refOf(parseObject(objects[0])))) === undefined) throw new Error('the objects were not created')
  await proxy.close()
}

/** Seconds that a process takes, and the most memory that it and its children's parent had, in megabytes. */
async function time(command: string, args: readonly string[]): Promise<{ seconds: number; megabytes: number }> {
  const started = performance.now()
  const child = spawn(command, args, { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  let megabytes = 0
  const watching = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => (megabytes = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024),
      () => undefined,
    )
  }, 100)
  const code = await new Promise((resolve) => child.once('close', resolve))
  clearInterval(watching)
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}:\n${output.join('')}`)
  return { seconds: (performance.now() - started) / 1000, megabytes }
}

/** Back to a snapshot, with controllers that have started since: what the snapshot says of the old ones is no longer so. */
async function reset(snapshot: string): Promise<void> {
  await labCommand('reset', snapshot)
  const there = ['--context=lab-infra', '--namespace=flux-system']
  await time('kubectl', ['rollout', 'restart', 'deployment', ...there])
  await time('bash', [
    '-euc',
    `for one in source kustomize helm; do kubectl rollout status deployment/$one-controller ${there.join(' ')}; done`,
  ])
  await time('kubectl', ['wait', 'pod', '--for=condition=Ready', '--all', '--timeout=60s', ...there])
}

const loader = join(projectRoot, 'lib', 'loader', 'run-typescript.mjs')
const teardown = () =>
  time(process.execPath, [
    `--import=${loader}`,
    'node_modules/zx/build/cli.js',
    'scripts/teardown.ts',
    '--lab',
    '--yes',
    '--destroy=lab-infra',
  ])
/** The CLI says that it has finished while the namespace is still there. */
const uninstall = () =>
  time('bash', [
    '-euc',
    'flux uninstall --silent --context=lab-infra && kubectl --context lab-infra wait --for=delete namespace/flux-system --timeout=120s',
  ])

const median = (numbers: readonly number[]): number => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? NaN
const row = (name: string, numbers: readonly number[], unit: string): string =>
  `${name.padEnd(16)} min ${Math.min(...numbers).toFixed(2)}${unit}  median ${median(numbers).toFixed(2)}${unit}  max ${Math.max(...numbers).toFixed(2)}${unit}\n`

try {
  await time('flux', ['install', '--context=lab-infra', '--components=source-controller,kustomize-controller,helm-controller'])
  await labCommand('snapshot', 'installed')
  await fill(1000)
  await labCommand('snapshot', 'thousand')
  const [ours, theirs, peaks]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < rounds; round++) {
    await reset('thousand')
    const own = await teardown()
    ours.push(own.seconds)
    peaks.push(own.megabytes)
    await reset('thousand')
    theirs.push((await uninstall()).seconds)
    console.success(`round ${round + 1} of ${rounds}: ${ours.at(-1)?.toFixed(1)} s against ${theirs.at(-1)?.toFixed(1)} s`)
  }
  await reset('installed')
  await fill(10_000)
  const many = await teardown()
  const ratios = ours.map((own, at) => own / (theirs[at] ?? NaN))
  process.stdout.write(
    row('teardown.ts', ours, ' s') + row('flux uninstall', theirs, ' s') + row('ratio', ratios, '') + row('peak', peaks, ' MB'),
  )
  process.stdout.write(
    `ten thousand     ${many.seconds.toFixed(1)} s, ${(many.seconds / median(ours)).toFixed(1)} times as long; ${many.megabytes.toFixed(0)} MB\n`,
  )
} finally {
  await labCommand('down')
  await rm(home, { recursive: true, force: true })
}
