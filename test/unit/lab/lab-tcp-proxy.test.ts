import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPorts, listenOn, type Ports } from '../../../lab/ports.ts'
import { type TcpProxy, startTcpProxy } from '../../../lab/tcp-proxy.ts'

let folder: string
let ports: Ports
let proxy: TcpProxy
let echo: Server
let echoPort: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tcp-proxy-'))
  ports = createPorts(join(folder, 'ports.json'))
  proxy = await startTcpProxy(ports, 'echo')
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on('error', () => undefined))
  echoPort = await listenOn(echo, 0)
})
afterEach(async () => {
  await proxy.block()
  await new Promise((resolve) => echo.close(resolve))
  rmSync(folder, { recursive: true })
})

async function say(...words: string[]): Promise<string> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true })
  for (const word of words) socket.write(word)
  socket.end()
  return text(socket)
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('error', () => undefined).once('close', () => resolve()))
}

test('what is sent arrives, once it is known where to', async () => {
  expect(await say('too early').catch(() => '')).toBe('')
  proxy.setTarget(echoPort)
  expect(await say('hello ', 'world')).toBe('hello world')
  const large = 'x'.repeat(3_000_000)
  expect(await say(large)).toBe(large)
})

test('when it is cut, calls under way end and new ones are refused, until it is fixed on the same port', async () => {
  proxy.setTarget(echoPort)
  const underWay = connect(proxy.port, '127.0.0.1')
  underWay.write('a')
  await new Promise((resolve) => underWay.once('data', resolve))
  const ended = closed(underWay)
  await proxy.block()
  await ended
  await expect(say('b')).rejects.toThrow('ECONNREFUSED')
  await proxy.unblock()
  expect(await say('c')).toBe('c')
})

test('what is held back arrives later', async () => {
  proxy.setTarget(echoPort)
  proxy.delay(150)
  const started = Date.now()
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true })
  const heard = text(socket)
  socket.end('slow')
  expect(await heard).toBe('slow')
  expect(Date.now() - started).toBeGreaterThanOrEqual(149)
})

test('what is held back arrives in order, also when the delay is removed meanwhile', async () => {
  proxy.setTarget(echoPort)
  proxy.delay(150)
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true })
  const heard = text(socket)
  socket.write('slow ')
  await new Promise((resolve) => setTimeout(resolve, 30))
  proxy.delay(0)
  socket.end('fast')
  expect(await heard).toBe('slow fast')
})

test('a port stays the same for its use, unless someone else has taken it', async () => {
  await proxy.block()
  const again = await startTcpProxy(createPorts(join(folder, 'ports.json')), 'echo')
  expect(again.port).toBe(proxy.port)
  const other = await startTcpProxy(createPorts(join(folder, 'ports.json')), 'echo')
  expect(other.port).not.toBe(proxy.port)
  await Promise.all([again.block(), other.block()])
})
