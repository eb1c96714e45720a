import { setMaxListeners } from 'node:events'
import { exitCodes, OperatorError } from '../../base/errors.ts'

/** What the person wants to end, as far as Ctrl-C has said so. */
export interface StopSignals {
  /** No further cluster is to be started. */
  readonly stop: AbortSignal
  /** What runs is to be cancelled too. */
  readonly cancel: AbortSignal
}

/** Signals that follow within this time are echoes of one: npx passes on what the terminal has sent to both, in milliseconds. */
const echoes = 500

/**
 * The first Ctrl-C, SIGTERM or closed terminal starts no further cluster and lets the running ones finish. A second Ctrl-C or
 * SIGTERM cancels those too, each in good order; a third ends this process, and with it what is left.
 */
export function listenForStops(now: () => number = Date.now): StopSignals & { readonly forget: () => void } {
  const stop = new AbortController()
  const cancel = new AbortController()
  for (const { signal } of [stop, cancel]) setMaxListeners(0, signal)
  let last = 0
  const reason = (): OperatorError => new OperatorError('stopped', { kind: 'cancelled' })
  const handle = (name: NodeJS.Signals): void => {
    const isEcho = stop.signal.aborted && now() - last <= echoes
    if (isEcho) return
    if (!stop.signal.aborted) {
      last = now()
      return stop.abort(reason())
    }
    if (name === 'SIGHUP') return // a terminal hangs up twice, by the kernel and by the shell
    last = now()
    if (!cancel.signal.aborted) return cancel.abort(reason())
    if (name === 'SIGINT') process.exit(exitCodes.cancelled)
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, handle)
  return {
    stop: stop.signal,
    cancel: cancel.signal,
    forget: () => {
      for (const name of names) process.off(name, handle)
    },
  }
}
