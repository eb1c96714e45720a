import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import * as v from 'valibot'

/** Ports of the lab: the system's choice the first time, the same again afterwards if they are free. */
export interface Ports {
  /** Makes the server listen on the port remembered for this use, else on a free one. Returns the port. */
  readonly listen: (use: string, server: Server) => Promise<number>
  /** The port remembered for this use if it is free, else a free one, for a program that will listen on it. */
  readonly free: (use: string) => Promise<number>
}

const portsSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.number()))

/** The ports remembered in this file. */
export function createPorts(file: string): Ports {
  const read = v.safeParse(portsSchema, existsSync(file) ? readFileSync(file, 'utf8') : '{}')
  const known = read.success ? read.output : {}
  const listen = async (use: string, server: Server): Promise<number> => {
    // What is named for another use may wait for its program yet, and the system takes it for free.
    const isAnothers = (port: number): boolean => Object.entries(known).some(([other, named]) => other !== use && named === port)
    let port = await listenOn(server, known[use] ?? 0).catch(() => listenOn(server, 0))
    while (isAnothers(port)) {
      await closed(server)
      port = await listenOn(server, 0)
    }
    if (known[use] !== port) {
      known[use] = port
      writeFileSync(file, JSON.stringify(known, undefined, 2))
    }
    return port
  }
  return {
    listen,
    async free(use) {
      const server = createServer()
      const port = await listen(use, server)
      await closed(server)
      return port
    },
  }
}

function closed(server: Server): Promise<unknown> {
  return new Promise((resolve) => server.close(resolve))
}

/** Listens on loopback only. Rejects where the port is taken. */
export function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      const address: AddressInfo | string | null = server.address()
      if (address === null || typeof address === 'string') reject(new Error('the server listens on no port'))
      else resolve(address.port)
    })
  })
}
