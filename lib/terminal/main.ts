import { setMaxListeners } from 'node:events'
import { exitCodes, messageOf, OperatorError } from '../base/errors.ts'
import { indented, visible } from '../base/outside-text.ts'
import { isInstalledCommand } from '../base/paths.ts'

/**
 * Signals that follow the first within this time are that one again, in milliseconds: npx passes on what the terminal has sent to both,
 * and a terminal that closes hangs up twice, by the kernel and by the shell.
 */
const echoes = 500

/**
 * What Ctrl-C, SIGTERM and a closed terminal (SIGHUP) abort: everything a script has under way. Only a second Ctrl-C ends it at once:
 * the other two come from what waits for an orderly end, or from nobody at all.
 */
export function interruptible(): AbortSignal {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal) // every request and watch under way listens
  let stoppedAt = 0
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (signal === 'SIGINT' && Date.now() - stoppedAt > echoes) process.exit(exitCodes.cancelled)
      return
    }
    stoppedAt = Date.now()
    controller.abort(new OperatorError('stopped', { kind: 'cancelled' }))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('SIGHUP', stop)
  return controller.signal
}

/**
 * A reader that has gone (EPIPE of `| head`, or of a tee that took the same Ctrl-C), a terminal that has closed (EIO) and a full disk end
 * no run: it continues, or rolls back, and its log.txt has what is said.
 */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.off('error', ignore).on('error', ignore)
    if (stream.isTTY) neverWaitFor(stream)
  }
}

/**
 * A terminal that is stopped (Ctrl-S) would stop the process with the next line: the lock would expire in the middle of a run. Node writes to
 * terminals so that it waits, and has no other way out of that than its handle's own.
 */
export function neverWaitFor(stream: object): void {
  const handle: unknown = Reflect.get(stream, '_handle')
  if (typeof handle !== 'object' || handle === null || !('setBlocking' in handle) || typeof handle.setBlocking !== 'function') return
  Reflect.apply(handle.setBlocking, handle, [false])
}

function ignore(): void {}

/**
 * V8 optimizes after little use, which takes it longer than it saves a command of a second or two: in a health check of 10,000 objects a fifth
 * of the CPU time on Node 20, of 1,000 a seventh on newer ones. Newer ones let the space of new
 * objects grow to 64 MB, too, which brings nothing.
 */
function optimizeLate(): void {
  const flags = process.versions.v8.startsWith('11.')
    ? '--interrupt-budget=1000000'
    : '--invocation-count-for-maglev=20000 --invocation-count-for-turbofan=200000 --semi-space-growth-factor=1'
  process.getBuiltinModule('node:v8').setFlagsFromString(flags)
}

/** The words after the script's name, whether zx, node itself or the installed command was asked to run it. */
export function argumentsOf(script: string): string[] {
  if (isInstalledCommand) return process.argv.slice(3)
  const at = process.argv.findIndex((word) => word.endsWith(`${script}.ts`))
  return process.argv.slice(at + 1)
}

/**
 * Runs a script's body and ends the process with the exit code it returns. Whatever ends the process before (a closed stdin under
 * enquirer does, with 0) ends it as a failure: an unfinished run never exits 0.
 */
export async function main(body: () => Promise<number>): Promise<void> {
  process.exitCode = exitCodes.failed
  optimizeLate()
  outliveReaders()
  try {
    process.exitCode = await body()
  } catch (error) {
    const { message, remedy, stack } = explain(error, process.argv.includes('--verbose'))
    for (const line of [`✗ ${message}`, ...(remedy === undefined ? [] : [`  → ${remedy}`]), ...(stack === undefined ? [] : [stack])]) {
      process.stderr.write(`${indented(visible(line))}\n`)
    }
    if (error instanceof OperatorError) process.exitCode = exitCodes[error.kind]
  }
}

/** What is printed of an error: what, and what next; the stack only where asked for. */
export function explain(error: unknown, verbose: boolean): { message: string; remedy: string | undefined; stack: string | undefined } {
  const stack = verbose && error instanceof Error ? error.stack : undefined
  const remedy = error instanceof OperatorError ? error.remedy : 'run again with --verbose for all details'
  return { message: messageOf(error), remedy, stack }
}
