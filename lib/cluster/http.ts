import { setTimeout as pause } from 'node:timers/promises'
import { type Dispatcher, Pool } from 'undici'
import * as v from 'valibot'
import { messageOf } from '../errors.ts'

/** The API's refusal of one request, or that it could not be asked (`status` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** The API's word for it (`NotFound`, `Conflict`, …); `Unreachable` where no API server answered. */
  readonly reason: string

  constructor(status: number, reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.status = status
    this.reason = reason
  }
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** From the server's root, query included. */
  readonly path: string
  readonly body?: string
  readonly contentType?: string
  /** Another form of the answer than the object itself. */
  readonly accept?: string
}

/** How a transport tells that the API does not answer, and that it does again. */
export interface Patience {
  /** How long a request is tried again while the API cannot be reached, in milliseconds. */
  readonly milliseconds: number
  readonly trouble: (text: string) => void
  readonly over: () => void
}

/** Where the API is: a `kubectl proxy` on a socket, or a server by itself. */
export interface Endpoint {
  readonly origin: string
  readonly pool: Pool
  readonly headers: Record<string, string>
}

/** The API behind a `kubectl proxy` on a unix socket: kubectl has done the login. */
export function socketEndpoint(socketPath: string): Endpoint {
  // The proxy answers 403 to a Host header that is not localhost.
  const pool = new Pool('http://localhost', { socketPath, connections: 32, headersTimeout: 0, bodyTimeout: 0 })
  return { origin: 'http://localhost', pool, headers: {} }
}

/** The API by its own address, with a bearer token, its certificate checked against `ca`. */
export function tokenEndpoint(server: string, token: string, ca: string): Endpoint {
  const pool = new Pool(server, { connections: 32, headersTimeout: 0, bodyTimeout: 0, connect: { ca } })
  return { origin: server, pool, headers: { authorization: `Bearer ${token}` } }
}

const statusSchema = v.object({ message: v.optional(v.string(), ''), reason: v.optional(v.string(), '') })

/** Sends one request and leaves the body unread. Throws ApiError for every answer that is not 2xx. */
export async function send(endpoint: Endpoint, request: ApiRequest, signal?: AbortSignal): Promise<Dispatcher.ResponseData> {
  let response: Dispatcher.ResponseData
  try {
    response = await endpoint.pool.request({
      method: request.method,
      path: request.path,
      headers: {
        accept: request.accept ?? 'application/json',
        ...endpoint.headers,
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(signal === undefined ? {} : { signal }),
    })
  } catch (cause) {
    signal?.throwIfAborted()
    throw new ApiError(0, 'Unreachable', `the Kubernetes API cannot be reached (${messageOf(cause)})`, cause)
  }
  if (response.statusCode < 300) return response
  const body = await response.body.text()
  const status = v.safeParse(v.pipe(v.string(), v.parseJson(), statusSchema), body)
  // A kubectl proxy that cannot reach the server answers for itself, in plain text.
  if (!status.success && response.statusCode >= 500) {
    throw new ApiError(0, 'Unreachable', `the Kubernetes API cannot be reached (${body.trim().slice(0, 200)})`)
  }
  const message = status.success && status.output.message !== '' ? status.output.message : body.trim().slice(0, 300)
  throw new ApiError(response.statusCode, status.success ? status.output.reason : '', message)
}

/** That the same request may succeed a moment later: no server, one starting up or shutting down, or one that asks for patience. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503 || error.status === 504)
}

/** Sends one request, tries again while the API cannot be reached, and answers with the parsed JSON. */
export async function ask(endpoint: Endpoint, request: ApiRequest, patience: Patience, signal?: AbortSignal): Promise<unknown> {
  const deadline = Date.now() + patience.milliseconds
  let inTrouble = false
  for (let delay = 100; ; delay = Math.min(delay * 2, 2000)) {
    try {
      const response = await send(endpoint, request, signal)
      const body: unknown = await response.body.json().catch((cause: unknown) => {
        signal?.throwIfAborted()
        throw new ApiError(0, 'Unreachable', `the Kubernetes API broke off (${messageOf(cause)})`, cause)
      })
      if (inTrouble) patience.over()
      return body
    } catch (error) {
      // Whoever closed the way to the API waits for no answer any more.
      if (!isPassing(error) || endpoint.pool.destroyed || Date.now() + delay > deadline) throw error
      if (delay >= 400) {
        inTrouble = true
        patience.trouble(messageOf(error))
      }
      await pause(delay, undefined, signal === undefined ? {} : { signal })
    }
  }
}
