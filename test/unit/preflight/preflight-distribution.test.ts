import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkDistribution } from '../../../lib/preflight/distribution.ts'
import { parseArtifact } from '../../../lib/tools/registry.ts'
import type { RegistryLogin } from '../../../lib/tools/registry-login.ts'

const signal = new AbortController().signal
const login: RegistryLogin = { username: 'jane', password: 'hunter2' }
let host = ''
/** A registry that shows `open` to anyone with its token, `private` to jane, and nothing else; `broken` breaks it. */
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const isJane = request.headers.authorization === `Basic ${Buffer.from('jane:hunter2').toString('base64')}`
  const url = new URL(request.url ?? '', `http://${host}`)
  const answer = (status: number, body = '', headers: Record<string, string> = {}): void =>
    void response.writeHead(status, headers).end(body)
  if (url.pathname === '/token')
    return answer(200, JSON.stringify({ token: `${isJane ? 'jane' : 'anyone'} ${url.searchParams.get('scope')}` }))
  const name = url.pathname.split('/')[2] ?? ''
  if (name === 'broken') return answer(500)
  const wanted = `${name === 'private' ? 'jane' : 'anyone'} repository:${name}:pull`
  if (request.headers.authorization !== `Bearer ${wanted}`) {
    return answer(401, '', { 'www-authenticate': `Bearer realm="http://${host}/token",service="here",scope="repository:${name}:pull"` })
  }
  answer(url.pathname.endsWith('/manifests/v1') ? 200 : 404)
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  host = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : ''
})
afterAll(() => server.close())

async function reported(artifact: string, more: { secret?: string; login?: RegistryLogin; charts?: string } = {}): Promise<string[]> {
  const distribution = { version: '2.9.5', registry: '', artifact, artifactPullSecret: more.secret ?? '', imagePullSecret: '' }
  const tree = { distribution, cluster: 'infra', operator: { url: more.charts ?? 'oci://elsewhere/charts/flux-operator' } }
  return (await checkDistribution(tree, more.login ?? {}, signal)).map(({ is, what }) => `${is}: ${what}`)
}

describe('the distribution artifact', () => {
  test('that is there, or that nobody asked for, is fine', async () => {
    expect(await reported(`oci://${host}/open:v1`)).toEqual([])
    expect(await reported('')).toEqual([])
  })
  test('that does not exist', async () => {
    expect(await reported(`oci://${host}/open:v2`)).toEqual([`blocks: the distribution artifact oci://${host}/open:v2 does not exist`])
  })
  test('that is not an artifact', async () => {
    expect(await reported('ghcr.io/a/b')).toEqual(['blocks: the distribution artifact ghcr.io/a/b is not an oci://HOST/NAME:TAG'])
  })
  test('behind a login', async () => {
    const url = `oci://${host}/private:v1`
    expect(await reported(url, { secret: 'mirror', login })).toEqual([])
    expect(await reported(url, { charts: `oci://${host}/charts/flux-operator`, login })).toEqual([])
    expect(await reported(url, { secret: 'mirror' })).toEqual([
      `notice: whether the distribution artifact ${url} exists is not known: the registry requires the login in Secret mirror`,
    ])
    expect(await reported(url)).toEqual([
      `blocks: the registry requires a login for the distribution artifact ${url}, and Git names no Secret with one`,
    ])
  })
  test('in another registry than the charts is not asked for with their login', async () => {
    expect((await reported(`oci://${host}/private:v1`, { login }))[0]).toContain('the registry requires a login')
  })
  test('in a registry that is broken or away is a finding, never fine', async () => {
    await expect(reported(`oci://${host}/broken:v1`)).rejects.toThrow(`the registry ${host} cannot be asked for broken:v1: it answers 500`)
    await expect(reported('oci://127.0.0.1:1/open:v1')).rejects.toThrow(
      /the registry 127\.0\.0\.1:1 cannot be asked for open:v1: .*ECONNREFUSED/,
    )
  })
})

test.each([
  ['oci://ghcr.io/a/b:v1', { host: 'ghcr.io', repository: 'a/b', reference: 'v1' }],
  ['oci://localhost:5000/b', { host: 'localhost:5000', repository: 'b', reference: 'latest' }],
  [`oci://r/a:v1@sha256:${'0'.repeat(64)}`, { host: 'r', repository: 'a', reference: `sha256:${'0'.repeat(64)}` }],
])('%s', (url, parsed) => {
  expect(parseArtifact(url)).toEqual(parsed)
})
