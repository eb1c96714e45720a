import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { projectRoot } from '../lib/base/paths.ts'

/** What a whole process took, start-up included. */
export interface Took {
  readonly seconds: number
  /** The most memory of the process itself, not of its children. */
  readonly megabytes: number
}

/** Runs a command to its end, with what it wrote; throws with that where it fails. */
export async function time(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  codes: readonly number[] = [0],
): Promise<Took> {
  const started = performance.now()
  const child = spawn(command, args, { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  let megabytes = 0
  const watching = setInterval(() => {
    megabytes = peakOf(child.pid ?? 0) ?? megabytes
  }, 10)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => clearInterval(watching))
  if (code === null || !codes.includes(code))
    throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}:\n${output.join('')}`)
  return { seconds: (performance.now() - started) / 1000, megabytes }
}

/** The most memory that a living process has taken, in megabytes. */
export function peakOf(pid: number): number | undefined {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] // gone once it has ended
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
  } catch {
    return undefined
  }
}

/** One way to do the job, by the name it has in the table. */
export type Contestants = Readonly<Record<string, () => Promise<Took>>>

/** What each took in every round, all of them in turn, so that a busy minute falls on all; the first round, which warms up, is left out. */
export async function inTurn(contestants: Contestants, rounds: number): Promise<ReadonlyMap<string, readonly Took[]>> {
  const took = new Map<string, Took[]>(Object.keys(contestants).map((name) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const one = await run()
      if (round > 0) took.get(name)?.push(one)
    }
  }
  return took
}

/** The middle one, NaN of none. */
export function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? NaN
}

/**
 * The rows of a table: median, the fastest and the slowest, the median of the ratios to the peer in the same round, and the most memory.
 * @param peer the contestant that the others are compared with
 */
export function rowsOf(took: ReadonlyMap<string, readonly Took[]>, peer: string): string[][] {
  const theirs = took.get(peer) ?? []
  return [...took].map(([name, all]) => {
    const seconds = all.map((one) => one.seconds)
    const ratios = seconds.map((own, at) => own / (theirs[at]?.seconds ?? NaN))
    const spread = `${inSeconds(Math.min(...seconds))}–${inSeconds(Math.max(...seconds))}`
    const peak = Math.max(...all.map(({ megabytes }) => megabytes))
    return [name, `${inSeconds(median(seconds))} s`, spread, name === peer ? '' : median(ratios).toFixed(2), `${peak.toFixed(0)} MB`]
  })
}

function inSeconds(seconds: number): string {
  return seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)
}
