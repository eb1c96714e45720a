import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { type Dispatcher, EnvHttpProxyAgent, interceptors, Pool, request } from 'undici'
import { showDuration } from '../base/duration.ts'
import { isInRange, proxies } from '../process/environment.ts'
import * as v from 'valibot'
import { messageOf, OperatorError } from '../base/errors.ts'
import { printable } from '../base/shell-line.ts'

/** A request to a server that is not the cluster's API. */
export interface WebRequest {
  /** GET unless given. */
  readonly method?: 'HEAD' | 'GET' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** A private authority besides those that Node knows, as helm and git have it; else SSL_CERT_FILE. */
  readonly caFile?: string | undefined
  /** How many redirects are followed, none unless given; undici shows a login to no other origin. */
  readonly redirects?: number
  /** How many bytes of the answer are taken, at most; a few megabytes unless given. */
  readonly most?: number
  /** How long it may take to the last byte of the answer, in milliseconds. */
  readonly deadline?: number
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined
}

export interface WebAnswer {
  readonly status: number
  /** Who has answered: after redirects, that may be another than who was asked. */
  readonly origin: string
  readonly challenge: string
  /** Any of its headers, by its name in lower case; empty where it has none. */
  readonly header: (name: string) => string
  readonly body: Buffer
}

/** Enough for a slow line; a person waits no longer for a firewall that drops everything. */
const longest = 30_000
/** No manifest, token or list of tags is as large; what is larger fails with the limit. */
const largest = 8 * 1024 * 1024

/**
 * Sends one request, through the proxy that the environment names, on a connection of its own. It is over at its deadline, or as soon as
 * `signal` aborts, whatever undici is doing: a request that waits for its connection does not hear of either.
 * @throws OperatorError naming the server by its origin alone, for a path may be a secret, and the proxy; the signal's reason where that aborts
 */
export async function askWeb(url: string | URL, asked: WebRequest): Promise<WebAnswer> {
  const { caFile, redirects = 0, deadline = longest, most = largest, signal, method = 'GET', headers = {}, body } = asked
  signal?.throwIfAborted()
  let proxy = ''
  const agent = openAgent(new URL(url), caFile, (origin) => {
    proxy = ` through the proxy ${origin}`
  })
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${showDuration(deadline)}`)), deadline)
  const until = AbortSignal.any([late.signal, ...(signal === undefined ? [] : [signal])])
  const exchange = async (): Promise<WebAnswer> => {
    const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: redirects }))
    const answer = await request(url, { method, headers, dispatcher, signal: until, ...(body === undefined ? {} : { body }) })
    const content = await bytesOf(answer.body, most)
    const header = (name: string): string => String(answer.headers[name] ?? '')
    return {
      status: answer.statusCode,
      origin: answeringOrigin(answer.context) ?? new URL(url).origin,
      challenge: header('www-authenticate'),
      header,
      body: content,
    }
  }
  try {
    return await Promise.race([exchange(), rejectionOf(until)])
  } catch (cause) {
    signal?.throwIfAborted()
    const { origin } = new URL(url)
    const why = messageOf(late.signal.aborted ? late.signal.reason : cause)
    throw new OperatorError(`${origin} cannot be asked${proxy}: ${why}`, {
      remedy: printable(['curl', '--verbose', '--head', origin]),
      cause,
    })
  } finally {
    clearTimeout(timer)
    late.abort() // what listens to `until` is kept, with the agent and its certificates, until that aborts
    // Not `close`, which waits for what is under way.
    void agent.destroy().catch(() => undefined)
  }
}

/** What undici's redirects note: each address that was asked, the last one too. */
const contextSchema = v.object({ history: v.array(v.instance(URL)) })

function answeringOrigin(context: unknown): string | undefined {
  const noted = v.safeParse(contextSchema, context)
  return noted.success ? noted.output.history.at(-1)?.origin : undefined
}

/** Throws where there are more: an answer without an end would take all memory there is. */
async function bytesOf(body: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > most) throw new Error(`it answers with more than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** @param used receives the proxy's origin, without its login, when it is used */
function openAgent(url: URL, caFile: string | undefined, used: (origin: string) => void): EnvHttpProxyAgent {
  const file = caFile ?? process.env.SSL_CERT_FILE ?? ''
  const trust = file === '' ? {} : { ca: [...rootCertificates, readFileSync(file, 'utf8')] }
  const ways = proxies()
  return new EnvHttpProxyAgent({
    connect: trust,
    requestTls: trust, // for what a proxy passes on
    clientFactory: (proxy, options) => new Tunnels(proxy, options, () => used(proxy.origin)),
    ...ways,
    ...(isInRange(url.hostname, ways.noProxy) ? { noProxy: '*' } : {}),
  })
}

type TunnelOptions = Omit<Dispatcher.ConnectOptions, 'origin'>

/**
 * The connections to a proxy. Where one ends before it has answered, undici takes that for an idle one that has closed, and asks again,
 * 1,300 times a second (lib/dispatcher/client.js, onError: UND_ERR_SOCKET fails no request that waits). An error without that code does.
 */
class Tunnels extends Pool {
  readonly #used: () => void

  constructor(proxy: URL, options: object, used: () => void) {
    super(proxy, options)
    this.#used = used
  }

  override connect(options: TunnelOptions): Promise<Dispatcher.ConnectData>
  override connect(options: TunnelOptions, done: (error: Error | null, data: Dispatcher.ConnectData) => void): void
  override async connect(options: TunnelOptions): Promise<Dispatcher.ConnectData> {
    this.#used()
    let answer: Dispatcher.ConnectData
    try {
      answer = await super.connect(options)
    } catch (cause) {
      throw new Error(`it does not connect to ${options.path}: ${messageOf(cause)}`)
    }
    if (answer.statusCode === 200) return answer
    answer.socket.on('error', () => undefined).destroy()
    throw new Error(`it answers ${answer.statusCode} to CONNECT ${options.path}`)
  }
}
