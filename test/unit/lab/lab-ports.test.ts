import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createPorts, listenOn } from '../../../lab/ports.ts'

const folder = mkdtempSync(join(tmpdir(), 'frb-ports-'))
const file = join(folder, 'ports.json')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a use keeps its port, unless someone else has it now', async () => {
  const port = await createPorts(file).free('registry')
  expect(await createPorts(file).free('registry')).toBe(port)
  const someone = createServer()
  await listenOn(someone, port)
  const other = await createPorts(file).free('registry')
  expect(other).not.toBe(port)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ registry: other })
  someone.close()
})

test('no port is named for two uses, though nobody listens on it yet', async () => {
  const port = await createPorts(file).free('registry')
  writeFileSync(file, JSON.stringify({ registry: port, api: port, git: port }))
  const ports = createPorts(file)
  const server = createServer()
  const all = [await ports.free('api'), await ports.listen('git', server), await ports.free('registry')]
  server.close()
  expect(new Set(all).size).toBe(3)
})

test('a port is none that the system would give to someone else while nobody listens on it', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, (_, at) => createPorts(join(folder, `${at}.json`)).free('git')))
  for (const port of ports) expect(port).toBeGreaterThanOrEqual(20_000)
  for (const port of ports) expect(port).toBeLessThan(32_768) // Linux's ip_local_port_range begins there
})
