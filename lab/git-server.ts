import { spawn } from 'node:child_process'
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { messageOf } from '../lib/base/errors.ts'
import { listenOn, type Ports } from './ports.ts'

export interface GitServer {
  readonly port: number
  /** Refuses connections, as a server that is down does. */
  readonly block: () => Promise<void>
  readonly unblock: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface GitServerOptions {
  readonly repository: string
  readonly username: string
  readonly password: string
  readonly env: Record<string, string>
  readonly log: (line: string) => void
}

/**
 * Serves one bare repository over HTTP by git's own `git http-backend`: at `/fleet.git` for everyone on this machine, at
 * `/private/fleet.git` for those who know the password. Only these write: Flux follows it, and the lab's node runs what Flux applies.
 */
export async function startGitServer(ports: Ports, options: GitServerOptions): Promise<GitServer> {
  const server = createServer((request, response) => {
    response.on('finish', () => options.log(`${request.method} ${request.url} ${response.statusCode}`))
    try {
      serve(request, response, options)
    } catch (error) {
      fail(response, options, `${request.url}: ${messageOf(error)}`) // an address that is none
    }
  })
  const port = await ports.listen('git', server)
  let isUp = true
  const close = async (): Promise<void> => {
    if (!isUp) return
    isUp = false
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return {
    port,
    close,
    block: close,
    async unblock() {
      if (!isUp) await listenOn(server, port)
      isUp = true
    },
  }
}

const privately = '/private'
/** The same repository under another address, as which Flux follows branches that stand in for other people's repositories. */
const standingIn = '/stand-ins'

function serve(request: IncomingMessage, response: ServerResponse, options: GitServerOptions): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
  const isPrivate = pathname.startsWith(`${privately}/`)
  const prefix = [privately, standingIn].find((one) => pathname.startsWith(`${one}/`)) ?? ''
  const path = decodeURIComponent(pathname.slice(prefix.length))
  const isKnown = isAllowed(request.headers.authorization, options)
  if (!isKnown && (isPrivate || isWrite(path, search))) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="the lab\'s Git"' }).end('that takes the user and password of the lab\n')
    return
  }
  if (!isKnown && !isThisMachine(request.headers.host)) {
    response.writeHead(403).end('the lab is asked as 127.0.0.1 or localhost\n')
    return
  }
  if (!path.startsWith('/fleet.git/')) {
    response.writeHead(404).end('the lab has one repository: /fleet.git, or /private/fleet.git with a password\n')
    return
  }
  const { headers } = request
  const backend = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...options.env,
      GIT_PROJECT_ROOT: dirname(options.repository),
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      ...(isKnown ? { REMOTE_USER: options.username } : {}), // git lets nobody push who has no name
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: path,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers['content-type'] ?? '',
      ...(headers['content-length'] === undefined ? {} : { CONTENT_LENGTH: headers['content-length'] }),
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: [headers['git-protocol']].flat().join(':'),
    },
  })
  backend.on('error', (error) => fail(response, options, `git http-backend cannot be started: ${messageOf(error)}`))
  backend.stderr.setEncoding('utf8').on('data', (text: string) => options.log(text.trim()))
  backend.stdin.on('error', () => undefined) // it may answer without having read everything
  request.pipe(backend.stdin)
  response.on('close', () => backend.kill()) // the caller is gone, or has been answered
  forwardAnswer(backend.stdout, response)
  backend.on('close', (code) => {
    if (!response.headersSent) fail(response, options, `git http-backend ended with ${code} and no answer`)
  })
}

/** What git sends before, and while, it pushes (gitprotocol-http). */
function isWrite(path: string, search: string): boolean {
  return path.endsWith('/git-receive-pack') || new URLSearchParams(search).get('service') === 'git-receive-pack'
}

/** A browser that is made to ask here, by a name of someone's that leads to this machine, says that name. */
function isThisMachine(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host ?? '')
}

function isAllowed(authorization: string | undefined, { username, password }: GitServerOptions): boolean {
  const expected = Buffer.from(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`)
  const given = Buffer.from(authorization ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** What a CGI program writes: headers, an empty line, and the body. */
function forwardAnswer(output: NodeJS.ReadableStream, response: ServerResponse): void {
  let head = Buffer.alloc(0)
  const read = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end === -1) return
    output.off('data', read)
    const headers = head
      .subarray(0, end)
      .toString('latin1')
      .split('\r\n')
      .map((line) => ({ name: line.slice(0, line.indexOf(':')), value: line.slice(line.indexOf(':') + 1).trim() }))
    const status = headers.find(({ name }) => name.toLowerCase() === 'status')
    for (const { name, value } of headers) if (name.toLowerCase() !== 'status') response.setHeader(name, value)
    response.writeHead(status === undefined ? 200 : Number.parseInt(status.value, 10))
    response.write(head.subarray(end + 4))
    output.pipe(response)
  }
  output.on('data', read)
}

function fail(response: ServerResponse, { log }: GitServerOptions, why: string): void {
  log(why)
  if (!response.headersSent) response.writeHead(500)
  response.end(`${why}\n`)
}
