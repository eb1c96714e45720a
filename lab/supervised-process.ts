import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type TiedProcess, spawnTied } from '../lib/process/child-process.ts'
import type { ProcessRecord } from './process-record.ts'

/** A program that belongs to the lab as long as the lab is up. */
export interface SupervisedProgram {
  readonly name: string
  readonly command: readonly string[]
  readonly log: string
}

export interface Keeping {
  readonly env: Record<string, string>
  readonly cwd: string
  readonly record: ProcessRecord
  /** Aborts when the lab ends, and every kept process with it. */
  readonly signal: AbortSignal
  /** Called each time a program starts, or ends by itself. */
  readonly report: (text: string) => void
}

export interface KeptProcess {
  readonly name: string
  /** Undefined while it is not running. */
  readonly pid: () => number | undefined
  /** How often it ended by itself and was started again. */
  readonly restarts: () => number
  /** How it ended last, by itself: an exit code or a signal. */
  readonly lastEnd: () => string | undefined
  /** Ends it for good, and resolves when it is gone. */
  readonly stop: (how?: NodeJS.Signals) => Promise<void>
}

const shortestPause = 200
const longestPause = 10_000
/** A program that ran this long was well: what ends it now is news, and it is started again at once. */
const healthyAfter = 30_000

/**
 * Starts a program and starts it again, ever later, whenever it ends by itself. It cannot outlive this process.
 * @param onStart is called each time it was started
 */
export function keepRunning(
  program: SupervisedProgram,
  { env, cwd, record, signal, report }: Keeping,
  onStart: () => void = () => undefined,
): KeptProcess {
  const stopped = new AbortController()
  let current: TiedProcess | undefined
  let restarts = 0
  let lastEnd: string | undefined

  const runOnce = async (): Promise<void> => {
    const log = openSync(program.log, 'a', 0o600)
    try {
      current = spawnTied(program.command, { env, cwd, stdout: log, stderr: log })
      const { pid } = current.child
      if (pid !== undefined) record.add(program.name, pid)
      onStart()
      const end = await current.ended.catch((error: unknown) => `not started: ${String(error)}`)
      current = undefined
      if (pid !== undefined) record.remove(pid)
      if (stopped.signal.aborted) return
      lastEnd = typeof end === 'number' ? `exit code ${end}` : end
      writeSync(log, `--- ${new Date().toISOString()} ${program.name} ended: ${lastEnd}\n`)
    } finally {
      closeSync(log)
    }
  }

  const run = async (): Promise<void> => {
    let delay = shortestPause
    while (true) {
      const started = Date.now()
      await runOnce()
      if (stopped.signal.aborted) return
      delay = Date.now() - started > healthyAfter ? shortestPause : Math.min(delay * 2, longestPause)
      report(`${program.name} ended by itself (${lastEnd}); it is started again in ${delay} ms`)
      await pause(delay, undefined, { signal: stopped.signal }).catch(() => undefined)
      if (stopped.signal.aborted) return
      restarts++
    }
  }
  const over = run()
  const stop = async (how: NodeJS.Signals): Promise<void> => {
    stopped.abort()
    current?.child.kill(how)
    await over
  }
  if (signal.aborted) void stop('SIGKILL')
  signal.addEventListener('abort', () => void stop('SIGKILL'))

  return {
    name: program.name,
    pid: () => current?.child.pid,
    restarts: () => restarts,
    lastEnd: () => lastEnd,
    stop: (how = 'SIGKILL') => stop(how),
  }
}
