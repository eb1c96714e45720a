/**
 * Bootstrap against a bare shell script that does the same on the lab, in turn, each on an empty cluster, whole processes.
 *
 *   npx zx bench/bootstrap.ts [ROUNDS]
 */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { createConsole } from '../lib/terminal/console.ts'
import { gitLoginOf } from '../lib/connection/settings.ts'
import { projectRoot } from '../lib/base/paths.ts'
import { fetchTree } from '../lib/desired-state/tree.ts'
import { ensureLab } from '../lab/client.ts'

const rounds = Number(process.argv.at(-1)) || 5
const home = await mkdtemp(join(tmpdir(), 'frb-bench-'))
process.env.FLUX_LAB_HOME = home
const console = createConsole({ clean: (text) => text })
const lab = await ensureLab(['infra'], console)
const labCommand = (...args: string[]) => promisify(execFile)('npx', ['zx', 'scripts/lab.ts', ...args], { cwd: projectRoot })

const checkout = join(home, 'checkout')
await mkdir(checkout)
const login = gitLoginOf({ GIT_USERNAME: lab.git.username, GIT_PASSWORD: lab.git.password }, lab.git.url)
const remote = { url: lab.git.url, ref: 'refs/heads/main', login } as const
const tree = await fetchTree(remote, 'infra', checkout, join(lab.bin, 'kubectl'), new AbortController().signal)
const values = join(home, 'values')
await mkdir(values)
for (const { name, values: content } of [tree.operator, tree.instance]) await writeFile(join(values, `${name}.yaml`), stringify(content))
await writeFile(join(values, 'password'), lab.git.password, { mode: 0o600 })

/** Seconds that a whole process takes; throws with its output where it fails. */
async function time(command: string, args: string[], env: Record<string, string>): Promise<number> {
  const started = performance.now()
  const child = spawn(command, args, { cwd: projectRoot, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}:\n${output.join('')}`)
  return (performance.now() - started) / 1000
}

const contestants = {
  'bootstrap.ts': () => time('npx', ['zx', 'scripts/bootstrap.ts', '--lab', '--yes'], {}),
  'bootstrap.sh': () =>
    time('bash', ['bench/bootstrap.sh'], {
      PATH: `${lab.bin}:${process.env.PATH ?? ''}`,
      KUBECONFIG: lab.kubeconfig,
      CONTEXT: 'lab-infra',
      CLUSTER: 'infra',
      CHARTS: tree.settings.charts_registry ?? '',
      VERSION: tree.operator.version,
      GIT_USERNAME: lab.git.username,
      GIT_PASSWORD_FILE: join(values, 'password'),
      VALUES: values,
    }),
}
const median = (numbers: readonly number[]): number => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? NaN
const row = (name: string, numbers: readonly number[], unit: string): string =>
  `${name.padEnd(14)} min ${Math.min(...numbers).toFixed(2)}${unit}  median ${median(numbers).toFixed(2)}${unit}  max ${Math.max(...numbers).toFixed(2)}${unit}`

try {
  await labCommand('snapshot', 'empty')
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    await labCommand('reset', 'empty')
    ours.push(await contestants['bootstrap.ts']())
    await labCommand('reset', 'empty')
    theirs.push(await contestants['bootstrap.sh']())
    console.success(`round ${round + 1} of ${rounds}: ${ours.at(-1)?.toFixed(1)} s against ${theirs.at(-1)?.toFixed(1)} s`)
  }
  const ratios = ours.map((own, at) => own / (theirs[at] ?? NaN))
  process.stdout.write(`${row('bootstrap.ts', ours, ' s')}\n${row('bootstrap.sh', theirs, ' s')}\n${row('ratio', ratios, '')}\n`)
} finally {
  await labCommand('down')
  await rm(home, { recursive: true, force: true })
}
