import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { OperatorError } from '../base/errors.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

/**
 * The program replaces the shell (its pid is the child's pid) and a watcher stays behind, reading a pipe that only this process
 * holds open. When this process dies, kill -9 included, the pipe closes and the watcher ends the program. A line on the pipe says
 * that the program has ended by itself: then its pid may be another's and is left alone.
 * @param asked who is asked to end first
 */
const tieOf = (asked: '$program' | '-$program'): string => `program=$$ leftover=$1; shift
(trap '' TERM
 if ! read -r _ <&3; then
   kill -s TERM -- ${asked}
   for second in 1 2 3 4 5; do kill -0 $program || break; sleep 1; done
   kill -KILL $program
 fi
 test -z "$leftover" || rm -rf "$leftover") >/dev/null 2>&1 4<&- &
exec "$@" 3<&-`
/** What it has started is asked too: git's helpers for http and ssh do not end with git where the server says nothing. */
const tie = tieOf('-$program')
/**
 * The same in this process's own session and group, so that the program may open /dev/tty, and be asked there: the terminal's Ctrl-C and its
 * end reach it too, and are not its own to answer. Ignored signals stay ignored through exec.
 */
const tieToTerminal = `trap '' INT HUP; ${tieOf('$program')}`

export interface TiedProcess {
  /** The program leads a process group of its own, so Ctrl-C in the terminal does not reach it; or ignores that. End it with `child.kill()`. */
  readonly child: ChildProcess
  /** Resolves with the exit code, or the name of the signal that ended it; rejects when it could not be started. */
  readonly ended: Promise<number | NodeJS.Signals>
}

interface TiedOptions {
  readonly env: Record<string, string>
  readonly cwd?: string
  readonly stdout?: number
  readonly stderr?: number
  readonly leftover?: string
  readonly readsTerminal?: boolean
  readonly handover?: string
}

/**
 * Starts a program that cannot outlive this process. Its stdin is empty; its output is piped, or goes to the given descriptors. Throws for a
 * word with a NUL in it.
 * @param options.leftover a folder that goes when the program has ended, whatever ended it
 * @param options.readsTerminal its stdin and its terminal are this process's own
 * @param options.handover what the program may read from descriptor 4
 */
export function spawnTied(command: readonly string[], options: TiedOptions): TiedProcess {
  for (const word of command) verifyWhole(word)
  const readsTerminal = options.readsTerminal === true
  const child = spawn('/bin/sh', ['-c', readsTerminal ? tieToTerminal : tie, 'sh', options.leftover ?? '', ...command], {
    stdio: [
      readsTerminal ? 'inherit' : 'ignore',
      options.stdout ?? 'pipe',
      options.stderr ?? 'pipe',
      'pipe',
      ...(options.handover === undefined ? [] : ['pipe' as const]),
    ],
    env: options.env,
    detached: !readsTerminal,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      write(child, 3, 'ended\n')
      resolve(code ?? signal ?? 1)
    })
  })
  if (options.handover !== undefined) write(child, 4, options.handover)
  ended.catch(() => undefined) // anyone who asks for `ended` is reported
  return { child, ended }
}

/** Throws for a word that no program can get: it ends at the NUL, and the program would get another than was checked, as a path without its end. */
export function verifyWhole(word: string): void {
  if (!word.includes('\0')) return
  throw new OperatorError(`no program can be called with ${JSON.stringify(word)}, which has a NUL in it`, { kind: 'blocked' })
}

/** Writes all there is to say to one of the pipes of a process. */
export function write(child: ChildProcess, descriptor: 3 | 4, text: string): void {
  const pipe = child.stdio[descriptor]
  if (pipe instanceof Writable) pipe.on('error', () => undefined).end(text) // an error: the other side has gone, and wants none of it
}

/**
 * Has a folder removed when this process has ended, whatever ended it.
 * @returns what removes it at once
 */
export function tieFolder(folder: string): () => Promise<void> {
  const watcher = ['-c', 'read -r _ <&3; rm -rf "$1"', 'sh', folder]
  const env = { PATH: process.env.PATH ?? '' }
  const child = spawn('/bin/sh', watcher, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env, detached: true })
  const gone = new Promise<void>((resolve) => child.once('error', () => resolve()).once('exit', () => resolve()))
  const pipe = child.stdio[3]
  child.unref()
  if (pipe instanceof Socket) pipe.on('error', () => undefined).unref()
  return async () => {
    child.ref()
    if (pipe instanceof Writable) pipe.end()
    await gone
    await rm(folder, { recursive: true, force: true }) // where the watcher could not be started
  }
}

/** A temporary folder that is made when it is first asked for, and gone when this process has ended, whatever ended it. */
export function createTiedFolder(): { readonly path: () => string; readonly remove: () => Promise<void> } {
  let made: { readonly path: string; readonly remove: () => Promise<void> } | undefined
  const make = (): NonNullable<typeof made> => {
    const path = makeTemporaryFolder()
    return { path, remove: tieFolder(path) }
  }
  return {
    path: () => (made ??= make()).path,
    remove: async () => made?.remove(),
  }
}

/** The processes that another has started, and these in turn: what is still asking on a terminal goes with who had it ask. */
export function descendantsOf(pid: number): number[] {
  const shown = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8', env: { PATH: process.env.PATH ?? '' } })
  const pairs = shown
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const childrenOf = (parent: number): number[] =>
    pairs.flatMap(([child = 0, of = 0]) => (of === parent ? [child, ...childrenOf(child)] : []))
  return childrenOf(pid)
}
