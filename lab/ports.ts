import { randomInt } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import * as v from 'valibot'

/** Ports of the lab: any free ones the first time, the same again afterwards if they are free. */
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
    // What is named for another use may wait for its program yet, and looks free.
    const isAnothers = (port: number): boolean => Object.entries(known).some(([other, named]) => other !== use && named === port)
    const wanted = known[use]
    let port = await (wanted === undefined
      ? listenAmong(remembered, server)
      : listenOn(server, wanted).catch(() => listenAmong(remembered, server)))
    while (isAnothers(port)) {
      await closed(server)
      port = await listenAmong(remembered, server)
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

/**
 * The ports that are remembered for a use, and those that are taken for a while: a remembered one seems free until its program listens, and
 * no pod of this lab or another may take it meanwhile. Below 20000 others listen; from 32768 Linux gives to anyone who calls out.
 */
const [remembered, passing] = [
  [20_000, 24_000],
  [24_000, 32_768],
] as const

/**
 * Listens on loopback, on a free port that the system gives nobody by itself: anyone who stops listening for a while, as the lab's Git does
 * during a reset, finds it free again. Returns the port; rejects where a hundred in a row are taken.
 */
export function listenAnywhere(server: Server): Promise<number> {
  return listenAmong(passing, server)
}

async function listenAmong([first, beyond]: readonly [number, number], server: Server): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await listenOn(server, randomInt(first, beyond))
    } catch (error) {
      if (tries === 100) throw error
    }
  }
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
