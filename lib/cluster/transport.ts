import { Agent, type ClientRequest, type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'

/** Where the API is: a `kubectl proxy` on a socket, or a server by itself. */
export interface Endpoint {
  readonly origin: string
  /** Sends one request; resolves at the head of the answer, with its body unread. Rejects where there is none. */
  readonly exchange: (sent: Sent, signal?: AbortSignal) => Promise<IncomingMessage>
  /** Ends every connection, and what is under way on it. */
  readonly close: () => void
  readonly isClosed: () => boolean
}

export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

const pool = { keepAlive: true, maxSockets: 32 } as const

/** The API behind a `kubectl proxy` on a unix socket: kubectl has done the login. */
export function socketEndpoint(socketPath: string): Endpoint {
  const agent = new Agent(pool)
  // The proxy answers 403 to a Host header that is not localhost.
  return endpointOf('http://localhost', {}, agent, (options) => plainRequest({ ...options, agent, socketPath, host: 'localhost' }))
}

/** The API by its own address, with a bearer token, its certificate checked against `ca`. */
export function tokenEndpoint(server: string, token: string, ca: string): Endpoint {
  const agent = new TlsAgent({ ...pool, ca })
  const authorization = { authorization: `Bearer ${token}` }
  return endpointOf(server, authorization, agent, (options) => tlsRequest(server, { ...options, agent }))
}

/**
 * Node's own client does: keep-alive on a unix socket, streams, no limit to how long an answer may be silent. undici does it too, and
 * takes 190 ms longer to load, as long as everything else a health check does (measured, Node 20).
 */
function endpointOf(
  origin: string,
  always: Readonly<Record<string, string>>,
  agent: Agent,
  open: (options: RequestOptions) => ClientRequest,
): Endpoint {
  let isClosed = false
  return {
    origin,
    isClosed: () => isClosed,
    close() {
      isClosed = true
      agent.destroy()
    },
    exchange({ method, path, headers, body }, signal) {
      return new Promise((resolve, reject) => {
        if (isClosed) return reject(new Error('the way to the API is closed'))
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const sending = open({
          method,
          path,
          headers: { ...always, ...headers, ...length },
          ...(signal === undefined ? {} : { signal }),
        })
        sending.once('response', resolve)
        sending.on('error', reject)
        sending.end(body)
      })
    },
  }
}
