import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { listenOn } from '../../../lab/ports.ts'
import { openAnnouncer } from '../../../lib/notify/notifier.ts'
import { OperatorError } from '../../../lib/base/errors.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { findArtifact } from '../../../lib/tools/registry.ts'
import { askWeb } from '../../../lib/tools/http-client.ts'
import { recordingConsole } from '../../recording-console.ts'

afterEach(() => vi.unstubAllEnvs())

/** A proxy that answers each CONNECT so; `asked` are those it was sent. */
async function proxyThat(answers: (socket: Socket) => void): Promise<{ readonly origin: string; readonly asked: readonly string[] }> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.once('data', (head) => {
      asked.push(head.toString().split('\r\n')[0] ?? '')
      answers(socket)
    })
  })
  const origin = `http://127.0.0.1:${await listenOn(server, 0)}`
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']) vi.stubEnv(name, origin.replace('//', '//ann:secret@'))
  for (const name of ['NO_PROXY', 'no_proxy']) vi.stubEnv(name, '')
  return { origin, asked }
}

/** What was thrown, as a person reads it. */
async function failureOf(asking: Promise<unknown>): Promise<{ message: string; remedy: string | undefined }> {
  const thrown: unknown = await asking.catch((error: unknown) => error)
  if (thrown instanceof OperatorError) return { message: thrown.message, remedy: thrown.remedy }
  throw new Error(`threw no OperatorError: ${String(thrown)}`)
}

const url = 'https://registry.example.com/v2/secret-path'
const remedy = 'curl --verbose --head https://registry.example.com'

describe('a proxy', () => {
  test('that closes each CONNECT is asked once, and named', async () => {
    const { origin, asked } = await proxyThat((socket) => socket.destroy())
    const message = `https://registry.example.com cannot be asked through the proxy ${origin}: it does not connect to registry.example.com:443: other side closed`
    expect(await failureOf(askWeb(url, {}))).toEqual({ message, remedy })
    expect(asked).toEqual(['CONNECT registry.example.com:443 HTTP/1.1'])
  })

  test('that never answers is waited for until the deadline, plain http too', async () => {
    const { origin, asked } = await proxyThat(() => undefined)
    const message = `http://registry.example.com cannot be asked through the proxy ${origin}: no answer within 2.0 s`
    expect(await failureOf(askWeb('http://registry.example.com/', { deadline: 2000 }))).toMatchObject({ message })
    expect(asked).toEqual(['CONNECT registry.example.com:80 HTTP/1.1'])
  })

  test.each([
    [407, 'Proxy Authentication Required'],
    [502, 'Bad Gateway'],
  ])('that refuses with %i is reported at once', async (status, words) => {
    const { origin, asked } = await proxyThat((socket) => socket.end(`HTTP/1.1 ${status} ${words}\r\ncontent-length: 0\r\n\r\n`))
    const message = `https://registry.example.com cannot be asked through the proxy ${origin}: it answers ${status} to CONNECT registry.example.com:443`
    expect(await failureOf(askWeb(url, {}))).toEqual({ message, remedy })
    expect(asked).toHaveLength(1)
  })

  test.each<[string, (socket: Socket) => void]>([
    ['that never answers', () => undefined],
    ['that lets through what is never answered', (socket) => socket.write('HTTP/1.1 200 Connection established\r\n\r\n')],
  ])('%s holds up no run that is stopped', async (_, answers) => {
    const stop = new AbortController()
    const stopped = new OperatorError('stopped', { kind: 'cancelled' })
    const { asked } = await proxyThat((socket) => {
      answers(socket)
      setImmediate(() => stop.abort(stopped))
    })
    await expect(askWeb(url, { signal: stop.signal })).rejects.toBe(stopped)
    expect(asked).toHaveLength(1)
    await expect(askWeb(url, { signal: stop.signal })).rejects.toBe(stopped)
    expect(asked).toHaveLength(1)
  })

  test('that is gone is named by those who ask: the registry by what was wanted, the webhook without its secret', async () => {
    const { origin } = await proxyThat((socket) => socket.destroy())
    const artifact = { host: 'registry.example.com', repository: 'charts/flux-operator', reference: '0.59.0' }
    const { message, remedy: next } = await failureOf(findArtifact(artifact, {}, new AbortController().signal))
    const why = `https://registry.example.com cannot be asked through the proxy ${origin}: it does not connect to registry.example.com:443: other side closed`
    expect(message).toBe(`the registry registry.example.com cannot be asked for charts/flux-operator:0.59.0: ${why}`)
    expect(next).toBe('curl -I https://registry.example.com/v2/charts/flux-operator/manifests/0.59.0')

    const { console, lines } = recordingConsole()
    await openAnnouncer({ SLACK_WEBHOOK_URL: url }, 'infra', createRedactor(), console).say('hello')
    expect(lines).toEqual([`⚠ the webhook of SLACK_WEBHOOK_URL did not get "hello": ${why}`])
  })
})

test('a server that stops in the middle of its answer is waited for until the deadline', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'))
    onTestFinished(() => void socket.destroy())
  })
  const origin = `http://127.0.0.1:${await listenOn(server, 0)}`
  onTestFinished(() => void server.close())
  expect(await failureOf(askWeb(`${origin}/`, { deadline: 2000 }))).toMatchObject({
    message: `${origin} cannot be asked: no answer within 2.0 s`,
  })
})

test('a request that is over leaves nothing that waits for the signal of its run', async () => {
  const joined = vi.spyOn(AbortSignal, 'any')
  onTestFinished(() => joined.mockRestore())
  await proxyThat((socket) => socket.destroy())
  const { signal } = new AbortController()
  await expect(askWeb(url, { signal })).rejects.toThrow('other side closed')
  const joint = joined.mock.results.map(({ value }) => (value instanceof AbortSignal ? value.aborted : undefined))
  expect(joint).toContain(true)
  expect(joint).not.toContain(false)
})
