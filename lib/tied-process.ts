import { type ChildProcess, spawn } from 'node:child_process'
import { Writable } from 'node:stream'

/**
 * The program replaces the shell (its pid is the child's pid) and a watcher stays behind, reading a pipe that only this process
 * holds open. When this process dies, kill -9 included, the pipe closes and the watcher ends the program. A line on the pipe says
 * that the program has ended by itself: then its pid may be another's and is left alone.
 */
const tie = `program=$$ leftover=$1; shift
(if ! read -r _ <&3; then
   kill -TERM $program
   for second in 1 2 3 4 5; do kill -0 $program || break; sleep 1; done
   kill -KILL $program
 fi
 test -z "$leftover" || rm -rf "$leftover") >/dev/null 2>&1 &
exec "$@" 3<&-`

export interface TiedProcess {
  /** The program leads a process group of its own, so Ctrl-C in the terminal does not reach it. End it with `child.kill()`. */
  readonly child: ChildProcess
  /** Resolves with the exit code, or the name of the signal that ended it; rejects when it could not be started. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/**
 * Starts a program that cannot outlive this process. Its stdin is empty; its output is piped, or goes to the given descriptors.
 * @param options.leftover a folder that goes when the program has ended, whatever ended it
 * @param options.readsTerminal its stdin is this process's own
 */
export function spawnTied(
  command: readonly string[],
  options: { env: Record<string, string>; cwd?: string; stdout?: number; stderr?: number; leftover?: string; readsTerminal?: boolean },
): TiedProcess {
  const child = spawn('/bin/sh', ['-c', tie, 'sh', options.leftover ?? '', ...command], {
    stdio: [options.readsTerminal === true ? 'inherit' : 'ignore', options.stdout ?? 'pipe', options.stderr ?? 'pipe', 'pipe'],
    env: options.env,
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      const pipe = child.stdio[3]
      if (pipe instanceof Writable) pipe.on('error', () => undefined).end('ended\n') // an error: the watcher is gone already
      resolve(code ?? signal ?? 1)
    })
  })
  ended.catch(() => undefined) // whoever asks for `ended` is told
  return { child, ended }
}
