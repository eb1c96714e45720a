import { readFileSync } from 'node:fs'
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { createSecureContext } from 'node:tls'

/** Where the API is: a `kubectl proxy` on a socket, or a server by itself. */
export interface Endpoint {
  readonly origin: string
  /** Sends one request; resolves at the head of the answer, with its body unread. Rejects where there is none. */
  readonly exchange: (sent: HttpRequest, signal?: AbortSignal) => Promise<IncomingMessage>
  /** Ends every connection, and what is under way on it. */
  readonly close: () => void
  /** Aborts once that is done. */
  readonly closed: AbortSignal
  /** The time by the server's clock, in milliseconds: what the API has noted is that much younger or older. */
  readonly now: () => number
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** Not imported: that reads every export of it, and one of them is undici, which takes 15 ms (Node 22 and newer). */
const { Agent: PlainAgent, request: plainRequest } = process.getBuiltinModule('node:http')

const pool = { keepAlive: true, maxSockets: 32 } as const

/** The API behind a `kubectl proxy` on a unix socket: kubectl has done the login. */
export function socketEndpoint(socketPath: string): Endpoint {
  const agent = new PlainAgent(pool)
  // The proxy answers 403 to a Host header that is not localhost.
  return endpointOf(
    'http://localhost',
    () => ({}),
    [agent],
    (options) => plainRequest({ ...options, agent, socketPath, host: 'localhost' }),
  )
}

/** The API by its own address, with a bearer token, its certificate checked against `ca`. */
export function tokenEndpoint(server: string, token: string, ca: string): Endpoint {
  const agent = new TlsAgent({ ...pool, ca })
  return endpointOf(
    server,
    () => ({ authorization: `Bearer ${token}` }),
    [agent],
    (options) => tlsRequest(server, { ...options, agent }),
  )
}

/** A server, what proves it to us, and us to it. */
export interface ServerLogin {
  /** Its URL; what stands behind the host comes before every path, as with Rancher. */
  readonly server: string
  readonly ca: string | undefined
  /** The kubeconfig asks for a server that nothing proves. */
  readonly insecure: boolean
  /** The name in its certificate, if that is not its host's. */
  readonly serverName: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** Or the file that it is in, which may change at any time. */
  readonly token: string | { readonly file: string } | undefined
}

/** How long a connection may take, and how long an answer may be silent, in milliseconds. */
export interface Limits {
  readonly connects: number
  readonly answers: number
}
/** As in kubectl, which asks a server that is silent. */
const kubectls: Limits = { connects: 30_000, answers: 75_000 }

/** The API by its own address, with the login that a kubeconfig has. */
export function directEndpoint({ server, ca, insecure, serverName, cert, key, token }: ServerLogin, limits: Limits = kubectls): Endpoint {
  const { origin, pathname } = new URL(server)
  const named = serverName === undefined ? {} : { servername: serverName }
  // Made once: an agent that is given the certificates reads them again for every connection.
  const trust = { secureContext: createSecureContext({ ca, cert, key }), rejectUnauthorized: !insecure, ...named }
  // A handshake costs both sides more than most requests do: with 32 connections, a tenth of a health check's CPU time (measured).
  const asking = new TlsAgent({ keepAlive: true, maxSockets: 8, ...trust })
  // A watch lasts for minutes: no request waits for the end of one.
  const watching = new TlsAgent(trust)
  const login = (): Readonly<Record<string, string>> => {
    const bearer = typeof token === 'object' ? readFileSync(token.file, 'utf8').trim() : token
    return bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  }
  return endpointOf(origin, login, [asking, watching], (options) => {
    const path = `${pathname.replace(/\/$/, '')}${options.path ?? ''}`
    const sending = tlsRequest(origin, { ...options, path, agent: /[?&]watch=/.test(path) ? watching : asking })
    return withLimits(sending, options.path ?? '', limits)
  })
}

/**
 * Ends what a network has lost without a word. A watch is silent for as long as it asks for: an API server answers anything else within a minute.
 */
function withLimits(sending: ClientRequest, path: string, { connects, answers }: Limits): ClientRequest {
  const asked = Number(/[?&]timeoutSeconds=(\d+)/.exec(path)?.[1] ?? 0) * 1000
  const limit = (milliseconds: number): void => void sending.setTimeout(milliseconds)
  sending.once('socket', (socket) => {
    if (!socket.connecting) return limit(asked + answers)
    limit(connects)
    socket.once('secureConnect', () => limit(asked + answers))
  })
  return sending.once('timeout', () => sending.destroy(new Error('no answer; the connection was closed')))
}

/**
 * Node's own client does: keep-alive on a unix socket, streams, no limit to how long an answer may be silent. undici does it too, and
 * takes 190 ms longer to load, as long as everything else a health check does (measured, Node 20).
 */
function endpointOf(
  origin: string,
  login: () => Readonly<Record<string, string>>,
  agents: readonly Agent[],
  open: (options: RequestOptions) => ClientRequest,
): Endpoint {
  const closing = new AbortController()
  let ahead = 0
  return {
    origin,
    closed: closing.signal,
    now: () => Date.now() + ahead,
    close() {
      closing.abort()
      for (const agent of agents) agent.destroy()
    },
    exchange({ method, path, headers, body }, signal) {
      return new Promise((resolve, reject) => {
        if (closing.signal.aborted) return reject(new Error('the connection to the API is closed'))
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const sending = open({
          method,
          path,
          headers: { ...login(), ...headers, ...length },
          ...(signal === undefined ? {} : { signal }),
        })
        sending.once('response', (answer) => {
          ahead = aheadBy(answer, Date.now()) ?? ahead
          resolve(answer)
        })
        // Of a host with several addresses, each that was tried has an error of its own.
        sending.on('error', (error) => reject(error instanceof AggregateError ? error.errors[0] : error))
        sending.end(body)
      })
    },
  }
}

/** An answer may come late from afar, and tells whole seconds only: less than this is not taken for another clock. */
const leastDifference = 10_000

/** By how much the server's clock is ahead of this machine's, in milliseconds; undefined where the answer does not tell. */
export function aheadBy({ headers }: Pick<IncomingMessage, 'headers'>, now: number): number | undefined {
  const difference = Date.parse(headers.date ?? '') - now
  if (Number.isNaN(difference)) return undefined
  return Math.abs(difference) < leastDifference ? 0 : difference
}
