import { constants } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { messageOf } from '../base/errors.ts'
import { beginningOf } from '../base/outside-text.ts'
import { thisProcess } from '../process/process-start.ts'
import type { Endpoint } from './transport.ts'

/** The API's refusal of one request, or that it could not be asked (`status` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** The API's word for it (`NotFound`, `Conflict`, …); `Unreachable` where no API server answered. */
  readonly reason: string
  /** Where a list continues whose pages have expired; "" where the API says nothing of that. */
  readonly next: string
  /** How long an API that is asked too much wants not to be asked (`Retry-After`), in milliseconds; 0 where it says nothing of that. */
  readonly retryAfter: number

  constructor(status: number, reason: string, message: string, more: { cause?: unknown; next?: string; retryAfter?: number } = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause })
    this.status = status
    this.reason = reason
    this.next = more.next ?? ''
    this.retryAfter = more.retryAfter ?? 0
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

/** By it, and the Lease's annotation, the API server's audit log shows which run has written what. */
const userAgent = `flux-runbook (${thisProcess})`

const statusSchema = v.object({
  kind: v.literal('Status'),
  metadata: v.optional(v.object({ continue: v.optional(v.string(), '') }), {}),
  message: v.optional(v.string(), ''),
  reason: v.optional(v.string(), ''),
})
/**
 * Whether the API server says that it does not serve a path, as of a group that is not installed (apiserver pkg/server/mux). It does so in Go's
 * own words, as a load balancer that is written in Go does where it has no route; an API server counts its answers (audit, flow control).
 */
function isNoSuchPath({ statusCode, headers }: IncomingMessage, said: string): boolean {
  const isCounted = 'audit-id' in headers || 'x-kubernetes-pf-flowschema-uid' in headers
  return statusCode === 404 && said.trim() === '404 page not found' && isCounted
}

/**
 * What is read to its end may come packed, as lists do: a tenth of their length, where a network is the slowest part of a health check. An API
 * server packs what is longer than 128 KiB, and no watch (apiserver, handlers/responsewriters).
 */
const packed = { 'accept-encoding': 'gzip' }

/** Sends one request and leaves the body of the answer unread. Throws ApiError for every answer that is not 2xx. */
export async function send(
  endpoint: Endpoint,
  request: ApiRequest,
  signal?: AbortSignal,
  more: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const { method, path, accept = 'application/json', body, contentType = 'application/json' } = request
  const headers = { accept, ...more, 'user-agent': userAgent, ...(body === undefined ? {} : { 'content-type': contentType }) }
  let answer: IncomingMessage
  try {
    answer = await endpoint.exchange({ method, path, headers, body }, signal)
  } catch (cause) {
    signal?.throwIfAborted()
    throw new ApiError(0, 'Unreachable', `the Kubernetes API cannot be reached (${messageOf(cause)})`, { cause })
  }
  const code = answer.statusCode ?? 0
  if (code < 300) return answer
  const said = await readBody(answer, signal)
  const status = v.safeParse(v.pipe(v.string(), v.parseJson(), statusSchema), said)
  // A kubectl proxy that cannot reach the server answers for itself, in plain text; a load balancer with a page of its own, which must not
  // pass for an object that is gone.
  if (!status.success && (code >= 500 || (code === 404 && !isNoSuchPath(answer, said)))) {
    throw new ApiError(0, 'Unreachable', `the Kubernetes API cannot be reached (${beginningOf(said, 200)})`)
  }
  const message = status.success && status.output.message !== '' ? status.output.message : beginningOf(said, 300)
  const { reason, metadata } = status.success ? status.output : { reason: '', metadata: {} }
  throw new ApiError(code, reason, message, { next: metadata.continue ?? '', retryAfter: retryAfterIn(answer) })
}

const longestRetryAfter = 60_000

/**
 * An API server says it in seconds, as priority and fairness do; a date, which HTTP allows as well, is as good as nothing. What stands
 * before the server may ask for days, which Node's timers would take for a millisecond: a minute counts at most.
 */
function retryAfterIn({ headers }: IncomingMessage): number {
  const seconds = Number(headers['retry-after'] ?? 0)
  return Number.isFinite(seconds) ? Math.min(longestRetryAfter, Math.max(0, seconds * 1000)) : 0
}

async function readBody(answer: IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await textOf(answer)
  } catch (cause) {
    signal?.throwIfAborted()
    throw new ApiError(0, 'Unreachable', `the Kubernetes API broke off (${messageOf(cause)})`, { cause })
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const body = await bytesOf(answer)
  if (answer.headers['content-encoding'] !== 'gzip') return body.toString()
  const { gunzip } = process.getBuiltinModule('node:zlib') // not imported: a health check of a small cluster needs none
  return new Promise((resolve, reject) =>
    gunzip(body, { maxOutputLength: largestAnswer }, (error, unpacked) => {
      if (error === null) resolve(unpacked.toString())
      else reject(error)
    }),
  )
}
/** What comes as it is can be no longer either: no string is. */
const largestAnswer = constants.MAX_STRING_LENGTH

/** `node:stream/consumers` does it chunk by chunk, each a promise and decoded by itself: a fifth of the time of a health check's requests. */
function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.once('end', () => resolve(Buffer.concat(chunks)))
    answer.once('error', reject)
    answer.once('close', () => reject(new Error('the answer has no end'))) // after its end, nothing waits for this
  })
}

/** @throws ApiError where the text is no JSON, and so not from the API */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (cause) {
    throw new ApiError(
      0,
      'Unreachable',
      `the Kubernetes API cannot be reached (the answer is not from the API: ${beginningOf(text, 200)})`,
      { cause },
    )
  }
}

/** That the same request may succeed a moment later: no server, one starting up or shutting down, or one that asks for patience. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503 || error.status === 504)
}

/** How long to wait before the next attempt: as long as the API asks for, and no less than `delay`. */
export function pauseAfter(error: unknown, delay: number): number {
  return error instanceof ApiError ? Math.max(delay, error.retryAfter) : delay
}

/**
 * Sends one request, and tries again while the API cannot be reached.
 * @returns what `parse` makes of the answer
 */
export async function ask<T>(
  endpoint: Endpoint,
  request: ApiRequest,
  { patience, parse, signal }: { readonly patience: Patience; readonly parse: (text: string) => T; readonly signal?: AbortSignal },
): Promise<T> {
  const deadline = Date.now() + patience.milliseconds
  let inTrouble = false
  for (let delay = 100; ; delay = Math.min(delay * 2, 2000)) {
    try {
      const body = parse(await readBody(await send(endpoint, request, signal, packed), signal))
      if (inTrouble) patience.over()
      return body
    } catch (error) {
      // Anyone who closed the way to the API waits for no answer any more.
      if (!isPassing(error) || endpoint.closed.aborted) throw error
      const wait = pauseAfter(error, delay)
      if (Date.now() + wait > deadline) throw error
      if (wait >= 400) {
        inTrouble = true
        patience.trouble(messageOf(error))
      }
      await pause(wait, undefined, signal === undefined ? {} : { signal })
    }
  }
}
