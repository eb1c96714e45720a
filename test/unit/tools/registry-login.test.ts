import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { listenOn } from '../../../lab/ports.ts'
import { registryLoginOf } from '../../../lib/connection/settings.ts'
import { findArtifact } from '../../../lib/tools/registry.ts'
import { selfSigned } from '../self-signed.ts'
import { dockerConfig, type RegistryLogin } from '../../../lib/tools/registry-login.ts'

const { signal } = new AbortController()
const jane: RegistryLogin = { username: 'jane', password: 'hunter2' }

/** A registry on this machine that always asks who is there; `heard` is what it was reported. */
async function registryAsking(challenge: (host: string) => string): Promise<{ host: string; heard: readonly (string | undefined)[] }> {
  const heard: (string | undefined)[] = []
  const server = createServer((request, response) => {
    heard.push(request.headers.authorization)
    response.writeHead(401, { 'www-authenticate': challenge(host) }).end()
  })
  const host = `127.0.0.1:${await listenOn(server, 0)}`
  onTestFinished(() => void server.close())
  return { host, heard }
}

describe("the registry's login", () => {
  test('is sent to the registry it belongs to, and to no other that Git names', async () => {
    const { host, heard } = await registryAsking(() => 'Basic realm="here"')
    const artifact = { host, repository: 'charts/web', reference: '1.0.0' }
    expect(await findArtifact(artifact, { ...jane, hosts: ['registry.example.com'] }, signal)).toBe('refused')
    expect(heard).toEqual([undefined])
    expect(await findArtifact(artifact, { ...jane, hosts: [host] }, signal)).toBe('refused')
    expect(heard.slice(1)).toEqual([undefined, `Basic ${Buffer.from('jane:hunter2').toString('base64')}`])
  })

  test.each([
    ['another host over http', () => 'http://tokens.example.com/token', 'http://tokens.example.com'],
    ['another port of this machine', () => 'http://127.0.0.1:1/token', 'http://127.0.0.1:1'],
    ['no protocol of the web', () => 'file:///etc/passwd', 'null'],
  ])('is not sent to a realm at %s', async (_, realm, origin) => {
    const { host } = await registryAsking(() => `Bearer realm="${realm()}",service="x"`)
    await expect(findArtifact({ host, repository: 'a', reference: 'b' }, jane, signal)).rejects.toThrow(
      `the registry ${host} cannot be asked for a:b: it issues tokens at ${origin}, without TLS; nothing was sent there`,
    )
  })

  test('is not sent where someone asks for it whom the registry redirects to', async () => {
    const { cert, key } = selfSigned('localhost')
    const folder = mkdtempSync(join(tmpdir(), 'registry-login-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, cert)
    const heard: (string | undefined)[] = []
    const other = createTlsServer({ cert, key }, (request, response) => {
      heard.push(`${request.url?.split('?')[0]} ${request.headers.authorization ?? 'nobody'}`)
      response.writeHead(401, { 'www-authenticate': `Bearer realm="https://localhost:${port}/token"` }).end()
    })
    const port = await listenOn(other, 0)
    const registry = createServer((_, response) => {
      response.writeHead(307, { location: `https://localhost:${port}/elsewhere` }).end()
    })
    const host = `127.0.0.1:${await listenOn(registry, 0)}`
    onTestFinished(() => {
      for (const server of [other, registry]) {
        server.closeAllConnections()
        server.close()
      }
    })
    expect(await findArtifact({ host, repository: 'a', reference: 'b' }, { ...jane, caFile, hosts: [host] }, signal)).toBe('refused')
    expect(heard).toEqual(['/elsewhere nobody'])
  })

  test('is not sent to the registry itself over http, unless it is on this machine', async () => {
    const { cert, key } = selfSigned('registry.example.com')
    const folder = mkdtempSync(join(tmpdir(), 'registry-login-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, cert)
    const registry = createTlsServer({ cert, key }, (_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://registry.example.com/token"' }).end()
    })
    const port = await listenOn(registry, 0)
    const asked: string[] = []
    const proxy = createServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '')
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket
        .on('error', () => undefined)
        .pipe(connect(port, '127.0.0.1').on('error', () => undefined))
        .pipe(socket)
    })
    const origin = `http://127.0.0.1:${await listenOn(proxy, 0)}`
    for (const name of ['https_proxy', 'http_proxy']) vi.stubEnv(name, origin)
    onTestFinished(() => {
      vi.unstubAllEnvs()
      registry.closeAllConnections()
      for (const server of [registry, proxy]) server.close()
    })
    const artifact = { host: 'registry.example.com', repository: 'a', reference: 'b' }
    await expect(findArtifact(artifact, { ...jane, caFile, hosts: [artifact.host] }, signal)).rejects.toThrow(
      'it issues tokens at http://registry.example.com, without TLS; nothing was sent there',
    )
    expect(asked).toEqual(['registry.example.com:443'])
  })

  test('is in a pull Secret for its own registries alone', () => {
    const login = { ...jane, hosts: ['registry.example.com'] }
    const config = dockerConfig(login, 'oci://Registry.example.com/charts/web', 'ghcr.io/fluxcd')
    expect(Object.keys(JSON.parse(config ?? '{}').auths)).toEqual(['registry.example.com'])
    expect(dockerConfig(login, 'oci://evil.example.com/charts/web')).toBeUndefined()
  })

  test("belongs to REGISTRY_HOSTS, else to the charts' registry in the checkout; on the lab to any", () => {
    const settings = { REGISTRY_USERNAME: 'jane', REGISTRY_PASSWORD: 'hunter2' }
    expect(registryLoginOf(settings, 'oci://registry.example.com/charts').hosts).toEqual(['registry.example.com'])
    const named = { ...settings, REGISTRY_HOSTS: 'a.example.com, b.example.com:5000' }
    expect(registryLoginOf(named, 'oci://registry.example.com/charts').hosts).toEqual(['a.example.com', 'b.example.com:5000'])
    expect(registryLoginOf(settings, undefined).hosts).toBeUndefined()
  })
})
