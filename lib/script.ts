import { setMaxListeners } from 'node:events'
import { exitCodes, messageOf, OperatorError } from './errors.ts'

/** What Ctrl-C and SIGTERM abort: everything a script has under way. A second Ctrl-C ends it at once. */
export function interruptible(): AbortSignal {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal) // every request and watch under way listens
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.cancelled)
    controller.abort(new OperatorError('stopped', { kind: 'cancelled' }))
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('SIGHUP', stop)
  return controller.signal
}

/** The words after the script's name, whether zx or node itself was told to run it. */
export function argumentsOf(script: string): string[] {
  const at = process.argv.findIndex((word) => word.endsWith(`${script}.ts`))
  return process.argv.slice(at + 1)
}

/**
 * Runs a script's body and ends the process with the exit code it returns. Whatever ends the process before (a closed stdin under
 * enquirer does, with 0) ends it as a failure: an unfinished run never exits 0.
 */
export async function main(body: () => Promise<number>): Promise<void> {
  process.exitCode = exitCodes.failed
  try {
    process.exitCode = await body()
  } catch (error) {
    const { message, remedy, stack } = explain(error, process.argv.includes('--verbose'))
    process.stderr.write(`✗ ${message}\n${remedy === undefined ? '' : `  → ${remedy}\n`}${stack === undefined ? '' : `${stack}\n`}`)
    if (error instanceof OperatorError) process.exitCode = exitCodes[error.kind]
  }
}

/** What a person is told of an error: what, and what next; the stack only where asked for. */
export function explain(error: unknown, verbose: boolean): { message: string; remedy: string | undefined; stack: string | undefined } {
  const stack = verbose && error instanceof Error ? error.stack : undefined
  const remedy = error instanceof OperatorError ? error.remedy : 'run again with --verbose for the whole story'
  return { message: messageOf(error), remedy, stack }
}
