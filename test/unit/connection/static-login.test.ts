import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findStaticLogin } from '../../../lib/connection/static-login.ts'
import { selfSigned } from '../self-signed.ts'

let folder: string
const pem = selfSigned('infra')
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'frb-kubeconfig-'))
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'KUBECONFIG']) vi.stubEnv(name, undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Writes a kubeconfig with one context `infra`; returns its path. */
function write(user: object, cluster: object = {}, file = 'config'): string {
  const config = {
    contexts: [{ name: 'infra', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
    clusters: [
      { name: 'c', cluster: { server: 'https://api.example:6443/k8s', 'certificate-authority-data': base64(pem.cert), ...cluster } },
    ],
    users: [{ name: 'u', user }],
  }
  const path = join(folder, file)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, JSON.stringify(config))
  return path
}

describe('a kubeconfig that has all it takes', () => {
  test('with a token', () => {
    expect(findStaticLogin('infra', write({ token: 'sesame' }, { 'tls-server-name': 'kubernetes' }))).toEqual({
      server: 'https://api.example:6443/k8s',
      ca: pem.cert,
      cert: undefined,
      key: undefined,
      insecure: false,
      serverName: 'kubernetes',
      token: 'sesame',
      secrets: ['sesame'],
    })
  })
  test('with a client certificate, as data, which stands before a file', () => {
    const user = { 'client-certificate-data': base64(pem.cert), 'client-key-data': base64(pem.key), 'client-key': 'not-there' }
    expect(findStaticLogin('infra', write(user))).toMatchObject({ cert: pem.cert, key: pem.key, token: undefined, secrets: [pem.key] })
  })
  test('with files, which are sought beside the kubeconfig that names them', () => {
    const path = write({ 'client-certificate': 'pki/crt', 'client-key': 'pki/key', tokenFile: 'token' }, {}, 'below/config')
    mkdirSync(join(folder, 'below/pki'))
    writeFileSync(join(folder, 'below/pki/crt'), pem.cert)
    writeFileSync(join(folder, 'below/pki/key'), pem.key)
    writeFileSync(join(folder, 'below/token'), 'sesame\n')
    const token = { file: join(folder, 'below/token') }
    expect(findStaticLogin('infra', path)).toMatchObject({ cert: pem.cert, key: pem.key, token, secrets: ['sesame', pem.key] })
  })
  test('in a list of files, of which the first that has an entry counts', () => {
    const [first, second] = [write({ token: 'first' }, {}, 'first'), write({ token: 'second' }, {}, 'second')]
    vi.stubEnv('KUBECONFIG', [join(folder, 'not-there'), first, second].join(delimiter))
    expect(findStaticLogin('infra', undefined)).toMatchObject({ token: 'first' })
  })
  test('without the check of the server only where it asks for that', () => {
    const insecure = { 'certificate-authority-data': undefined, 'insecure-skip-tls-verify': true }
    expect(findStaticLogin('infra', write({ token: 'sesame' }, insecure))).toMatchObject({ insecure: true, ca: undefined })
  })
})

describe('kubectl’s to do is', () => {
  const token = { token: 'sesame' }
  test.each([
    ['a login program', { exec: { command: 'aws' } }, {}],
    ['an auth provider', { 'auth-provider': { name: 'oidc' } }, {}],
    ['a user and password', { username: 'x', password: 'y' }, {}],
    ['impersonation', { ...token, as: 'another' }, {}],
    ['no login at all', {}, {}],
    ['a token and a file with one', { ...token, tokenFile: 'token' }, {}],
    ['half a client certificate', { 'client-certificate-data': 'eA==' }, {}],
    ['a key that cannot be read', { 'client-certificate-data': 'eA==', 'client-key-data': 'eA==' }, {}],
    ['a token that YAML takes for a number', { token: 1234 }, {}],
    ['a proxy', token, { 'proxy-url': 'http://proxy.example' }],
    ['a server without TLS', token, { server: 'http://api.example' }],
    ['an authority of the system', token, { 'certificate-authority-data': undefined }],
    ['an authority that is not checked', token, { 'insecure-skip-tls-verify': true }],
    ['an authority in a file that does not exist', token, { 'certificate-authority-data': undefined, 'certificate-authority': 'ca.crt' }],
    ['what is not known here', token, { 'another-way': true }],
  ])('%s', (_, user, cluster) => {
    expect(findStaticLogin('infra', write(user, cluster))).toBeUndefined()
  })

  test('a context that does not exist, a file that is none, and none at all', () => {
    expect(findStaticLogin('other', write(token))).toBeUndefined()
    const path = join(folder, 'broken')
    writeFileSync(path, '{')
    expect(findStaticLogin('infra', path)).toBeUndefined()
    expect(findStaticLogin('infra', join(folder, 'not-there'))).toBeUndefined()
  })

  test('two entries of one name in one file', () => {
    const path = join(folder, 'twice')
    const user = { name: 'u', user: token }
    const cluster = { name: 'c', cluster: { server: 'https://api.example', 'certificate-authority-data': base64(pem.cert) } }
    const config = { contexts: [{ name: 'infra', context: { cluster: 'c', user: 'u' } }], clusters: [cluster], users: [user, user] }
    writeFileSync(path, JSON.stringify(config))
    expect(findStaticLogin('infra', path)).toBeUndefined()
  })

  test('a way through the proxy that the environment names, except for this machine', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy.example:3128')
    expect(findStaticLogin('infra', write(token))).toBeUndefined()
    expect(findStaticLogin('infra', write(token, { server: 'https://127.0.0.1:6443' }))).toMatchObject({ token: 'sesame' })
  })
})
