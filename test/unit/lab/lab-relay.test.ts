import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPorts, listenOn, type Ports } from '../../../lab/ports.ts'
import { type Relay, startRelay } from '../../../lab/tcp-proxy.ts'

let folder: string
let ports: Ports
let relay: Relay
let echo: Server
let echoPort: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-'))
  ports = createPorts(join(folder, 'ports.json'))
  relay = await startRelay(ports, 'echo')
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on('error', () => undefined))
  echoPort = await listenOn(echo, 0)
})
afterEach(async () => {
  await relay.cut()
  await new Promise((resolve) => echo.close(resolve))
  rmSync(folder, { recursive: true })
})

async function say(...words: string[]): Promise<string> {
  const socket = connect({ port: relay.port, host: '127.0.0.1', noDelay: true })
  for (const word of words) socket.write(word)
  socket.end()
  return text(socket)
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('error', () => undefined).once('close', () => resolve()))
}

test('what is sent arrives, once it is known where to', async () => {
  expect(await say('too early').catch(() => '')).toBe('')
  relay.leadTo(echoPort)
  expect(await say('hello ', 'world')).toBe('hello world')
  const large = 'x'.repeat(3_000_000)
  expect(await say(large)).toBe(large)
})

test('when it is cut, calls under way end and new ones are refused, until it is fixed on the same port', async () => {
  relay.leadTo(echoPort)
  const underWay = connect(relay.port, '127.0.0.1')
  underWay.write('a')
  await new Promise((resolve) => underWay.once('data', resolve))
  const ended = closed(underWay)
  await relay.cut()
  await ended
  await expect(say('b')).rejects.toThrow('ECONNREFUSED')
  await relay.unblock()
  expect(await say('c')).toBe('c')
})

test('what is held back arrives later', async () => {
  relay.leadTo(echoPort)
  relay.delay(150)
  const started = Date.now()
  const socket = connect({ port: relay.port, host: '127.0.0.1', noDelay: true })
  const heard = text(socket)
  socket.end('slow')
  expect(await heard).toBe('slow')
  expect(Date.now() - started).toBeGreaterThanOrEqual(149)
})

test('what is held back arrives in order, also when the delay is taken away meanwhile', async () => {
  relay.leadTo(echoPort)
  relay.delay(150)
  const socket = connect({ port: relay.port, host: '127.0.0.1', noDelay: true })
  const heard = text(socket)
  socket.write('slow ')
  await new Promise((resolve) => setTimeout(resolve, 30))
  relay.delay(0)
  socket.end('fast')
  expect(await heard).toBe('slow fast')
})

test('a port stays the same for its use, unless someone else has taken it', async () => {
  await relay.cut()
  const again = await startRelay(createPorts(join(folder, 'ports.json')), 'echo')
  expect(again.port).toBe(relay.port)
  const other = await startRelay(createPorts(join(folder, 'ports.json')), 'echo')
  expect(other.port).not.toBe(relay.port)
  await Promise.all([again.cut(), other.cut()])
})
