import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { createServer as createPlainServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { listenOn } from '../../../lab/ports.ts'
import { directEndpoint, type Endpoint, type ServerLogin } from '../../../lib/kubernetes/transport.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import { clusterOf } from '../fake-cluster.ts'
import { selfSigned } from '../self-signed.ts'

const [own, person, other] = [selfSigned('kubernetes'), selfSigned('alice'), selfSigned('kubernetes')]
let server: Server
let login: ServerLogin

beforeAll(async () => {
  const options = { cert: own.cert, key: own.key, ca: person.cert, requestCert: true, rejectUnauthorized: false }
  server = createServer(options, ({ url, headers, socket }, answer) => {
    if (url === '/silent') return
    if (url?.startsWith('/clock/') === true) answer.setHeader('date', new Date(Date.now() + Number(url.slice(7))).toUTCString())
    if (url === '/half') return void answer.write('half')
    if (url?.startsWith('/late') === true) return void setTimeout(() => answer.end('late'), 500)
    const client = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject.CN : undefined
    answer.end(JSON.stringify({ url, authorization: headers.authorization, client }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  login = {
    server: `https://127.0.0.1:${port}`,
    ca: own.cert,
    insecure: false,
    serverName: 'kubernetes',
    cert: undefined,
    key: undefined,
    token: undefined,
  }
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** What the server was shown of one request. */
async function ask(more: Partial<ServerLogin>, signal?: AbortSignal): Promise<unknown> {
  const endpoint = directEndpoint({ ...login, ...more })
  onTestFinished(() => endpoint.close())
  return JSON.parse(await text(await endpoint.exchange({ method: 'GET', path: '/version?x=1', headers: {} }, signal)))
}

test('a server is shown the token, below the path of its URL', async () => {
  const asked = ask({ server: `${login.server}/k8s/clusters/c-1/`, token: 'sesame' })
  expect(await asked).toEqual({ url: '/k8s/clusters/c-1/version?x=1', authorization: 'Bearer sesame' })
})

const hour = 60 * 60_000
test.each([
  [-2 * hour, "a laptop's clock that is hours ahead", true],
  [hour, 'one that is behind', true],
  [3000, 'one that is right, as far as an answer tells', false],
])("the time is by the server's clock: %d ms from %s", async (difference, _, isOther) => {
  const endpoint = directEndpoint(login)
  onTestFinished(() => endpoint.close())
  await text(await endpoint.exchange({ method: 'GET', path: `/clock/${difference}`, headers: {} }))
  const wanted = isOther ? difference : 0
  expect(Math.abs(endpoint.now() - Date.now() - wanted)).toBeLessThan(isOther ? 5000 : 100)
})

test("a health check reads ages by the server's clock", () => {
  const cluster = clusterOf(() => [])
  const ahead = { ...cluster, endpoint: { ...cluster.endpoint, now: () => 42 } }
  const other = { kubectl: '', where: '', login: { kind: 'none' }, folder: () => '', monitoring: undefined } as const
  expect(createSnapshot({ cluster: ahead, ...other }).now).toBe(42)
})

test('a token in a file is read again for each request: it may have been renewed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'frb-token-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'token')
  writeFileSync(file, 'first\n')
  const endpoint = directEndpoint({ ...login, token: { file } })
  onTestFinished(() => endpoint.close())
  const shown = async (): Promise<string> => text(await endpoint.exchange({ method: 'GET', path: '/', headers: {} }))
  expect(await shown()).toContain('Bearer first')
  writeFileSync(file, 'second\n')
  expect(await shown()).toContain('Bearer second')
})

test('a client certificate is shown', async () => {
  expect(await ask(person)).toEqual({ url: '/version?x=1', client: 'alice' })
})

test('a server that nothing proves is shown nothing, unless the kubeconfig asks for one', async () => {
  await expect(ask({ token: 'sesame', ca: other.cert })).rejects.toThrow('self-signed certificate')
  await expect(ask({ token: 'sesame', serverName: 'another' })).rejects.toThrow(/does not match certificate's altnames|altnames/)
  expect(await ask({ ca: undefined, insecure: true })).toEqual({ url: '/version?x=1' })
})

test('an aborted request and a closed way end at once', async () => {
  await expect(ask({}, AbortSignal.abort(new Error('stopped')))).rejects.toThrow()
  const endpoint = directEndpoint(login)
  endpoint.close()
  await expect(endpoint.exchange({ method: 'GET', path: '/', headers: {} })).rejects.toThrow('the connection to the API is closed')
})

test('a request waits for no watch, however many there are', async () => {
  const endpoint = directEndpoint(login)
  onTestFinished(() => endpoint.close())
  const get = (path: string) => endpoint.exchange({ method: 'GET', path, headers: {} })
  for (let at = 0; at < 50; at++) get('/silent?watch=true').catch(() => undefined) // ends when the endpoint is closed
  expect(await text(await get('/version'))).toContain('/version')
})

describe('what a network has lost without a word', () => {
  const limits = { connects: 200, answers: 200 }
  const lost = 'no answer; the connection was closed'
  const read = async (endpoint: Endpoint, path: string): Promise<string> => {
    onTestFinished(() => endpoint.close())
    return text(await endpoint.exchange({ method: 'GET', path, headers: {} }))
  }

  test('is given up where the connection is only half there', async () => {
    const deaf = createPlainServer((socket) => onTestFinished(() => void socket.destroy())) // it never greets
    const url = `https://127.0.0.1:${await listenOn(deaf, 0)}`
    onTestFinished(() => void deaf.close())
    await expect(read(directEndpoint({ ...login, server: url }, limits), '/version')).rejects.toThrow(lost)
  })

  test('is given up where no answer comes, or the rest of one', async () => {
    await expect(read(directEndpoint(login, limits), '/silent')).rejects.toThrow(lost)
    await expect(read(directEndpoint(login, limits), '/half')).rejects.toThrow(/aborted|no answer/)
  })

  test('is not the silence of a watch, which lasts as long as it asked for', async () => {
    expect(await read(directEndpoint(login, limits), '/late?watch=true&timeoutSeconds=60')).toBe('late')
  })
})
