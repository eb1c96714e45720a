import { constants } from 'node:buffer'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { send, parseJson } from '../../../lib/kubernetes/http.ts'
import { metadataPages } from '../../../lib/kubernetes/metadata.ts'
import { kinds } from '../../../lib/kubernetes/objects.ts'
import type { Endpoint } from '../../../lib/kubernetes/transport.ts'
import { nonceOf } from '../../../lib/process/process-start.ts'

function answer(statusCode: number, body: string | Buffer, headers: object = {}): IncomingMessage {
  const message = Object.assign(new IncomingMessage(new Socket()), { statusCode, headers })
  message.push(body)
  message.push(null)
  return message
}

const resources = { resources: [{ name: 'namespaces', kind: 'Namespace', namespaced: false }] }

/** A cluster that answers each request for namespaces with the next of these; `asked` are their continue tokens. */
function clusterAnswering(...answers: readonly [number, string | Buffer, object?][]) {
  const left = [...answers]
  const asked: string[] = []
  const endpoint: Endpoint = {
    origin: '',
    close: () => undefined,
    closed: new AbortController().signal,
    now: Date.now,
    exchange({ path }) {
      if (path === '/api/v1') return Promise.resolve(answer(200, JSON.stringify(resources)))
      asked.push(new URL(path, 'http://api').searchParams.get('continue') ?? '')
      return Promise.resolve(answer(...(left.shift() ?? [500, ''])))
    },
  }
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  return { cluster: clusterAt(endpoint, patience, new AbortController().signal), asked }
}

const status = (code: number, reason: string, metadata = {}): [number, string] => [
  code,
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', metadata, reason, message: reason, code }),
]
const page = (names: readonly string[], next = ''): [number, string] => [
  200,
  JSON.stringify({ metadata: { resourceVersion: '1', continue: next }, items: names.map((name) => ({ metadata: { name } })) }),
]
const ref = { ...kinds.namespace, name: 'shop' }

describe('an object is gone', () => {
  test.each<[string, [number, string, object?]]>([
    ['the API says so', status(404, 'NotFound')],
    ['the API serves no such path', [404, '404 page not found\n', { 'audit-id': 'a' }]],
    ['one without audit serves no such path', [404, '404 page not found\n', { 'x-kubernetes-pf-flowschema-uid': 'b' }]],
  ])('where %s', async (_, said) => {
    expect(await clusterAnswering(said).cluster.get(ref)).toBeUndefined()
    expect(await clusterAnswering(said).cluster.list(kinds.namespace)).toEqual([])
  })
  test.each<[string, [number, string]]>([
    ["not where a load balancer's page does", [404, '<html><body>404 Not Found</body></html>']],
    ['not where a proxy has no route, and says so in the same words', [404, '404 page not found\n']],
    ['not where another JSON does', [404, '{"message": "no Route matched"}']],
    ['not where a page comes in place of an answer', [200, '<html>Please log in</html>']],
  ])('%s', async (_, said) => {
    await expect(clusterAnswering(said).cluster.get(ref)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' })
    await expect(clusterAnswering(said).cluster.list(kinds.namespace)).rejects.toMatchObject({ reason: 'Unreachable' })
  })
})

describe('a list whose snapshot has expired between two pages', () => {
  const expired = status(410, 'Expired', { continue: 'later' })

  test('continues where it was, with what there is now', async () => {
    const { cluster, asked } = clusterAnswering(page(['one'], 'next'), expired, page(['two']))
    expect((await cluster.list(kinds.namespace)).map(({ metadata }) => metadata.name)).toEqual(['one', 'two'])
    expect(asked).toEqual(['', 'next', 'later'])
  })
  test('so does one of metadata', async () => {
    const { cluster, asked } = clusterAnswering(page(['one'], 'next'), expired, page(['two']))
    const names: string[] = []
    for await (const objects of metadataPages(cluster, '/api/v1/namespaces', kinds.namespace))
      names.push(...objects.map((one) => one.metadata.name))
    expect(names).toEqual(['one', 'two'])
    expect(asked).toEqual(['', 'next', 'later'])
  })
  test('fails where the API says no way on, and does not ask forever', async () => {
    await expect(clusterAnswering(page(['one'], 'next'), status(410, 'Expired')).cluster.list(kinds.namespace)).rejects.toMatchObject({
      status: 410,
    })
    const circle = clusterAnswering(page(['one'], 'later'), expired, expired)
    await expect(circle.cluster.list(kinds.namespace)).rejects.toMatchObject({ status: 410 })
  })
})

describe('an answer that comes packed', () => {
  const gzip = { 'content-encoding': 'gzip' }
  const [, text] = page(['one'])
  const member = gzipSync(Buffer.alloc(16 * 1024 * 1024))
  const endless = Buffer.concat(Array.from({ length: 33 }, () => member))

  test('is unpacked, a refusal too', async () => {
    expect(
      (await clusterAnswering([200, gzipSync(text), gzip]).cluster.list(kinds.namespace)).map(({ metadata }) => metadata.name),
    ).toEqual(['one'])
    const [code, refusal] = status(404, 'NotFound')
    expect(await clusterAnswering([code, gzipSync(refusal), gzip]).cluster.get(ref)).toBeUndefined()
  })
  test.each<[string, Buffer, string]>([
    ['that was cut', gzipSync(text).subarray(0, -8), 'unexpected end of file'],
    ['that is not packed at all', Buffer.from(text), 'incorrect header check'],
    ['that unpacks to more than a string can hold', endless, `Cannot create a Buffer larger than ${constants.MAX_STRING_LENGTH} bytes`],
  ])('%s is none', async (_, body, why) => {
    await expect(clusterAnswering([200, body, gzip]).cluster.list(kinds.namespace)).rejects.toThrow(`the Kubernetes API broke off (${why})`)
  })
})

describe('an API that is asked too much', () => {
  /** The pauses of one request that is answered so, with seconds in Retry-After, before it is answered well. */
  async function pausesOf(answers: readonly string[], milliseconds: number): Promise<number[]> {
    const pauses: number[] = []
    vi.resetModules() // another file may have loaded it with real pauses
    vi.doMock('node:timers/promises', () => ({ setTimeout: (pause: number) => Promise.resolve(void pauses.push(pause)) }))
    onTestFinished(() => {
      vi.doUnmock('node:timers/promises')
      vi.resetModules()
    })
    const { ask } = await import('../../../lib/kubernetes/http.ts')
    const left = [...answers]
    const endpoint: Endpoint = {
      origin: '',
      close: () => undefined,
      closed: new AbortController().signal,
      now: Date.now,
      exchange() {
        const after = left.shift()
        if (after === undefined) return Promise.resolve(answer(200, '{}'))
        return Promise.resolve(Object.assign(answer(...status(429, 'TooManyRequests')), { headers: { 'retry-after': after } }))
      },
    }
    const patience = { milliseconds, trouble: () => undefined, over: () => undefined }
    await ask(endpoint, { method: 'GET', path: '/' }, { patience, parse: parseJson })
    return pauses
  }

  test('is left alone for as long as it says', async () => {
    expect(await pausesOf(['7', '0', 'Sat, 28 Nov 2026 00:00:00 GMT', '', '-1'], 60_000)).toEqual([7000, 200, 400, 800, 1600])
  })
  test('for longer than the request may take is reported at once', async () => {
    await expect(pausesOf(['86400'], 30_000)).rejects.toMatchObject({ status: 429, retryAfter: 60_000 })
  })
})

test('each request says which process it comes from, as the lock does', async () => {
  const agents: (string | undefined)[] = []
  const endpoint: Endpoint = {
    origin: '',
    close: () => undefined,
    closed: new AbortController().signal,
    now: Date.now,
    exchange({ headers }) {
      agents.push(headers['user-agent'])
      return Promise.resolve(answer(200, JSON.stringify(resources)))
    },
  }
  await send(endpoint, { method: 'GET', path: '/api/v1' })
  expect(agents).toEqual([`flux-runbook (${nonceOf(process.pid)})`])
})
