import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import type { LabAccess } from '../../lab/client.ts'

/** The lab's Git and registry as on a private network: https with its own authority, under names that only its proxy knows. */
export interface PrivateNetwork {
  readonly git: string
  readonly registry: string
  /** Who may read the registry. */
  readonly login: { readonly username: string; readonly password: string }
  /** The file with the certificate authority, and what it holds. */
  readonly ca: { readonly file: string; readonly text: string }
  readonly proxy: string
  /** Every host and port that the proxy was asked for since, and forgets them. */
  readonly asked: () => Set<string>
  /** From now on the proxy hangs up on anyone who asks for the registry; returns what ends that, and tells how often it was asked. */
  readonly hangUpOnRegistry: () => () => number
  readonly close: () => void
}

const names = { git: 'git.corp.example', registry: 'registry.corp.example' } as const

/** Puts a private network's front before a lab. */
export async function startPrivateNetwork({ bin, git, registry }: LabAccess, folder: string): Promise<PrivateNetwork> {
  const login = { username: 'robot', password: 'password-of-the-registry' }
  const printed = execFileSync(join(bin, 'control-plane'), ['certificate', ...Object.values(names)], { encoding: 'utf8' })
  const authority = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n(?=-----BEGIN [A-Z ]*KEY)/.exec(printed)?.[0] ?? ''
  const ca = { file: join(folder, 'private-ca.crt'), text: authority }
  writeFileSync(ca.file, ca.text)

  const wanted = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const tls = { cert: printed, key: printed }
  const gitServer = createHttps(tls, (incoming, response) => passOn(new URL(git.url).host, incoming, response))
  const registryServer = createHttps(tls, (incoming, response) => {
    if (incoming.headers.authorization === wanted) passOn(registry, incoming, response)
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="the private network"' }).end()
  })
  const ports = new Map([
    [`${names.git}:443`, await listen(gitServer)],
    [`${names.registry}:443`, await listen(registryServer)],
  ])

  let asked = new Set<string>()
  let hungUp: number | undefined
  const proxy = createHttp((incoming, response) => {
    asked.add(incoming.url ?? '')
    response.writeHead(403).end()
  })
  proxy.on('connect', ({ url = '' }: IncomingMessage, caller: Duplex) => {
    asked.add(url)
    const port = ports.get(url)
    caller.on('error', () => undefined)
    if (hungUp !== undefined && url === `${names.registry}:443`) {
      hungUp += 1
      return void caller.destroy()
    }
    if (port === undefined) return void caller.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const server = connect(port, '127.0.0.1', () => caller.write('HTTP/1.1 200 OK\r\n\r\n'))
    server.on('error', () => undefined)
    server.pipe(caller).pipe(server)
  })
  return {
    git: `https://${names.git}${new URL(git.url).pathname}`,
    registry: names.registry,
    login,
    ca,
    proxy: `127.0.0.1:${await listen(proxy)}`, // without a scheme, as many write it
    asked() {
      const before = asked
      asked = new Set()
      return before
    },
    hangUpOnRegistry() {
      hungUp = 0
      return () => {
        const times = hungUp ?? 0
        hungUp = undefined
        return times
      }
    },
    close: () => [gitServer, registryServer, proxy].forEach((server) => server.close()),
  }
}

/** Asks the server at `host` the same, and answers with what it answers. */
function passOn(host: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { authorization = '', ...headers } = incoming.headers
  const [hostname, port] = host.split(':')
  const keep = incoming.url?.startsWith('/private/') === true ? { authorization } : {} // the lab's registry has no logins
  const asking = request({ hostname, port, method: incoming.method, path: incoming.url, headers: { ...headers, ...keep } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  asking.on('error', () => response.destroy())
  incoming.pipe(asking)
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
