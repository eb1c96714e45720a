import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { listenOn } from '../../lab/ports.ts'
import { stateHome } from '../../lib/base/paths.ts'
import { destinationOf } from '../../lib/capture/destination.ts'
import { openProxy } from '../../lib/connection/kubectl-proxy.ts'
import { readDistribution } from '../../lib/flux/distribution.ts'
import { parseObjects } from '../../lib/kubernetes/manifest.ts'
import { isInRange, proxies } from '../../lib/process/environment.ts'
import { contextFolder, findInterrupted, remember } from '../../lib/runner/run-store.ts'
import { neverWaitFor } from '../../lib/terminal/main.ts'
import { askWeb } from '../../lib/tools/http-client.ts'
import { pullLayer } from '../../lib/tools/registry.ts'
import { filesInTar } from '../../lib/tools/tar.ts'

const home = mkdtempSync(join(tmpdir(), 'frb-hostile-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())
const { signal } = new AbortController()

describe('where the runs are kept', () => {
  test.each([[''], ['state'], ['./state'], ['../state']])(
    'is not a place of the working directory where XDG_STATE_HOME is "%s"',
    (named) => {
      vi.stubEnv('XDG_STATE_HOME', named)
      expect(stateHome()).toBe(join(homedir(), '.local', 'state', 'flux-runbook'))
    },
  )
  test.each([['..'], ['.'], ['a/../../b'], ['x'.repeat(400)], ['é'.repeat(120)]])('is below it for the context "%s"', (context) => {
    const folder = contextFolder(home, context)
    expect(folder.startsWith(`${home}/`)).toBe(true)
    expect(folder.slice(home.length + 1)).toMatch(/^[\w%.!~*'()-]{1,200}$/)
    remember(folder, { script: 'x', context, uid: '', server: '', host: '', pid: 1 })
    expect(readdirSync(folder)).toEqual(['run.json'])
  })
  test('has two names for two long contexts', () => {
    const [one, other] = ['a', 'b'].map((end) => contextFolder(home, `${'x'.repeat(300)}${end}`))
    expect(one).not.toBe(other)
  })
  test("is no way to another context's run, nor to another script's", () => {
    const run = { script: 'teardown', uid: 'one', server: '', host: 'elsewhere', pid: 1 }
    remember(join(contextFolder(home, 'apps'), '20261128T000000000Z-teardown'), { ...run, context: 'apps' })
    expect(findInterrupted(home, 'infra', 'teardown', '../apps/20261128T000000000Z-teardown')).toBeUndefined()
    expect(findInterrupted(home, 'apps', 'bootstrap', '20261128T000000000Z-teardown')).toBeUndefined()
    expect(findInterrupted(home, 'apps', 'teardown', '20261128T000000000Z-teardown')).toBeDefined()
  })
})

test('a resumed run replaces the copy that it made itself, and no other file', async () => {
  const file = join(home, 'copy.age')
  writeFileSync(file, 'mine')
  const own = createHash('sha256').update('mine').digest('hex')
  expect(await destinationOf(file, 'infra', false, own)).toBe(file)
  for (const checksum of [undefined, 'other']) {
    await expect(destinationOf(file, 'infra', false, checksum)).rejects.toThrow(`${file} exists already, and may be the only good capture`)
  }
})

test.each([
  ['kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n---\nkind: [', 'this is not YAML'],
  ['kind: ConfigMap\nkind: Secret\napiVersion: v1\nmetadata: {name: a}', 'this is not YAML: Map keys must be unique'],
])('YAML that is none is refused, not read as far as it goes', (text, message) => {
  expect(() => parseObjects(text)).toThrow(message)
})

describe('an archive', () => {
  const header = (size: string): Buffer => {
    const block = Buffer.alloc(1024)
    block.write('file', 0)
    block.write(size, 124)
    block.write('0', 156)
    return block
  }
  test.each([['-0000001000'], ['77777777777'], ['99999999999'], ['\u0080\u00ff']])('with the size %j is damaged, and read once', (size) => {
    expect(() => filesInTar(header(size))).toThrow('the archive is damaged')
  })
  test('of one small file is read', () => {
    expect([...filesInTar(header('00000000010')).keys()]).toEqual(['file'])
  })
})

describe('a server', () => {
  async function serving(answer: RequestListener): Promise<string> {
    const server = createServer(answer)
    const port = await listenOn(server, 0)
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return `127.0.0.1:${port}`
  }
  const endlessly: RequestListener = (_, response) => {
    const more = (): void => void (response.destroyed || setImmediate(() => response.write(Buffer.alloc(1024 * 1024), more)))
    more()
  }
  /** A registry whose every artifact has one layer, of this digest, that is answered so. */
  const withLayer = (digest: string, answer: RequestListener): Promise<string> =>
    serving((request, response) => {
      if (request.url?.includes('/manifests/') === true) response.end(JSON.stringify({ layers: [{ digest }] }))
      else answer(request, response)
    })
  const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`
  test('that answers without an end is heard for some megabytes', async () => {
    const host = await serving(endlessly)
    await expect(askWeb(`http://${host}/`, {})).rejects.toThrow(`http://${host} cannot be asked: it answers with more than 8388608 bytes`)
  })
  test('whose layer has no end is heard for as much as a layer may be', async () => {
    const host = await withLayer(digestOf(Buffer.alloc(0)), endlessly)
    await expect(pullLayer({ host, repository: 'a', reference: 'b' }, {}, signal)).rejects.toThrow(
      'it answers with more than 67108864 bytes',
    )
  })
  test('that has other bytes than a manifest says is not believed', async () => {
    const host = await withLayer(`sha256:${'0'.repeat(64)}`, (_, response) => response.end('forged'))
    await expect(pullLayer({ host, repository: 'a', reference: 'b' }, {}, signal)).rejects.toThrow(
      `the registry ${host} cannot be asked for a:b: it answers with other content, of ${digestOf(Buffer.from('forged'))}`,
    )
  })
  test('that has another manifest than Git pins is not believed', async () => {
    const layer = Buffer.from('forged')
    const manifest = JSON.stringify({ layers: [{ digest: digestOf(layer) }] })
    const host = await withLayer(digestOf(layer), (_, response) => response.end(layer))
    const pull = (reference: string) => pullLayer({ host, repository: 'a', reference }, {}, signal)
    expect(await pull(digestOf(Buffer.from(manifest)))).toEqual(layer)
    await expect(pull(`sha256:${'0'.repeat(64)}`)).rejects.toThrow(`it answers with other content, of ${digestOf(Buffer.from(manifest))}`)
  })
  test('whose artifact cannot be unpacked is reported by its name', async () => {
    const layer = Buffer.from('no gzip')
    const host = await withLayer(digestOf(layer), (_, response) => response.end(layer))
    await expect(readDistribution(`oci://${host}/a:b`, {}, signal)).rejects.toMatchObject({
      kind: 'blocked',
      message: `the artifact oci://${host}/a:b cannot be unpacked: incorrect header check`,
    })
  })
  test('whose artifact unpacks to a thousand times its size is not believed', async () => {
    const layer = Buffer.concat(Array<Buffer>(257).fill(gzipSync(Buffer.alloc(1024 * 1024))))
    const host = await withLayer(digestOf(layer), (_, response) => response.end(layer))
    await expect(readDistribution(`oci://${host}/a:b`, {}, signal)).rejects.toMatchObject({
      kind: 'blocked',
      message: `the artifact oci://${host}/a:b cannot be unpacked: Cannot create a Buffer larger than 268435456 bytes`,
    })
  })
})

test('NO_PROXY names all, or ranges of addresses', () => {
  vi.stubEnv('no_proxy', 'example.com, *')
  expect(proxies().noProxy).toBe('*')
  vi.stubEnv('no_proxy', 'example.com 10.0.0.0/8')
  const { noProxy } = proxies()
  expect(noProxy).toBe('example.com,10.0.0.0/8,localhost,127.0.0.1,::1')
  expect(['10.1.2.3', '11.1.2.3', 'ten.example.com', '::1'].map((host) => isInRange(host, noProxy))).toEqual([true, false, false, false])
  expect([isInRange('[fd00::1]', 'fd00::/8'), isInRange('[fe00::1]', 'fd00::/8'), isInRange('10.0.0.1', '10.0.0.0/99')]).toEqual([
    true,
    false,
    false,
  ])
})

test('a terminal that is stopped by Ctrl-S stops nothing else: it is never waited for', () => {
  const asked: unknown[] = []
  neverWaitFor({ _handle: { setBlocking: (isBlocking: unknown) => void asked.push(isBlocking) } })
  for (const other of [{}, { _handle: null }, { _handle: {} }]) neverWaitFor(other)
  expect(asked).toEqual([false])
})

describe('a kubectl that says nothing', () => {
  const silent = async (more: { signal?: AbortSignal; patience?: number }): Promise<unknown> => {
    const folder = mkdtempSync(join(home, 'silent-'))
    const kubectl = join(home, 'silent-kubectl')
    writeFileSync(kubectl, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 })
    return openProxy({ kubectl, context: 'infra', server: '', env: { PATH: process.env.PATH ?? '' }, login: undefined }, folder, more)
  }
  test('is waited for so long, and ended', async () => {
    await expect(silent({ patience: 300 })).rejects.toThrow('kubectl proxy did not start for context infra: it said nothing for 0.3 s')
  })
  test('holds up nobody who stops the run', async () => {
    const stop = new AbortController()
    const failing = silent({ signal: stop.signal })
    stop.abort(new Error('stopped'))
    await expect(failing).rejects.toThrow('stopped')
  })
})
