import { spawnTied } from './child-process.ts'

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly exitCode: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly env: Record<string, string>
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** What the program may read from descriptor 4, as a password that no argument, variable or file may hold. */
  readonly handover?: string
}

/** How long a program may take to end by itself that is asked to. */
const grace = 3000

/**
 * Runs a program to its end, by its words and no shell's. For what a health check runs at every start: zx takes 25 ms to load (measured), and
 * what is a line of shell is zx's `$`.
 * @returns also where it failed; rejects where it could not be started, or with the signal's reason where that ended it
 */
export async function runProgram(command: readonly string[], { env, cwd, signal, handover }: ProgramOptions): Promise<Ended> {
  signal?.throwIfAborted()
  const { child, ended } = spawnTied(command, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    ...(handover === undefined ? {} : { handover }),
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
  const { pid } = child
  let killing: NodeJS.Timeout | undefined
  const stop = (): void => {
    if (pid === undefined) return
    endFamily(pid, 'SIGTERM')
    killing = setTimeout(() => endFamily(pid, 'SIGKILL'), grace)
  }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const exitCode = await ended
    // What left the group, as ssh's shared connection does, may hold its output open for as long as it lives.
    if (signal?.aborted === true) for (const output of [child.stdout, child.stderr]) output?.destroy()
    await closed
    signal?.throwIfAborted()
    return { exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
  } finally {
    signal?.removeEventListener('abort', stop)
    clearTimeout(killing)
  }
}

/** The process group that the program leads: it, and what it has started. */
function endFamily(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // it has ended meanwhile
  }
}

/** The last lines that it wrote to stderr, else to stdout; its exit code where it wrote nothing. */
export function lastWordsOf({ stdout, stderr, exitCode }: { stdout: string; stderr: string; exitCode: number | string | null }): string {
  const text = stderr.trim() === '' ? stdout.trim() : stderr.trim()
  return text === '' ? `exit code ${exitCode ?? 'unknown'}` : text.split('\n').slice(-4).join('\n')
}
