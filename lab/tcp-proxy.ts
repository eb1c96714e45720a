import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Ports, listenOn } from './ports.ts'

/**
 * A port of the lab that forwards to a port of one of its processes. The process may be restarted, on another port even, while people's
 * addresses stay the same; and it can be blocked or made slow. TLS passes through untouched.
 */
export interface TcpProxy {
  readonly port: number
  /** Forwards to this port of a process from now on. */
  readonly setTarget: (target: number) => void
  /** Ends every connection and refuses new ones. */
  readonly block: () => Promise<void>
  readonly unblock: () => Promise<void>
  /** Holds back all that callers send by so many milliseconds; 0 for none. */
  readonly delay: (milliseconds: number) => void
}

/** A TCP proxy on the port remembered for this use. Until it has a target, it hangs up on anyone who calls. */
export async function startTcpProxy(ports: Pick<Ports, 'listen'>, use: string): Promise<TcpProxy> {
  const callers = new Set<Socket>()
  let target: number | undefined
  let held = 0
  let isBlocked = false

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (caller) => {
    callers.add(caller)
    caller.on('error', () => caller.destroy())
    if (target === undefined) {
      caller.on('close', () => callers.delete(caller))
      return void caller.destroy()
    }
    const process = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    process.on('error', () => process.destroy())
    process.on('close', () => caller.destroy())
    caller.on('close', () => {
      callers.delete(caller)
      process.destroy()
    })
    process.pipe(caller)
    forward(caller, process, () => held)
  })
  const port = await ports.listen(use, server)

  return {
    port,
    setTarget(to) {
      if (to !== target) for (const caller of callers) caller.destroy()
      target = to
    },
    async block() {
      if (isBlocked) return
      isBlocked = true
      const closed = new Promise((resolve) => server.close(resolve))
      for (const caller of callers) caller.destroy()
      await closed
    },
    async unblock() {
      if (!isBlocked) return
      await listenOn(server, port)
      isBlocked = false
    },
    delay(milliseconds) {
      held = milliseconds
    },
  }
}

/** Passes on what the caller sends, at once or, in order, after a while. */
function forward(caller: Socket, process: Socket, held: () => number): void {
  let waiting = 0
  let last = Promise.resolve()
  const pass = (run: () => void): void => {
    const milliseconds = held()
    if (milliseconds === 0 && waiting === 0) return run()
    waiting++
    const due = Date.now() + milliseconds
    // One after the other: what comes later never overtakes what is held back.
    last = last
      .then(() => pause(due - Date.now()))
      .then(() => {
        waiting--
        run()
      })
  }
  caller.on('data', (chunk) => {
    pass(() => {
      if (!process.write(chunk)) caller.pause()
    })
  })
  process.on('drain', () => caller.resume())
  caller.on('end', () => pass(() => process.end()))
}
