import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as v from 'valibot'
import { kubeconfigWith, checkKubeconfigs, writeKubeconfig } from '../../../../../lib/commands/fleet/kubernetes/kubeconfigs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const config = (name: string, user: object = { token: 'secret-token' }): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name, context: { cluster: 'c', user: 'u' } }],
    'current-context': name,
  })

describe("a Secret's kubeconfig", () => {
  test('keeps the context that FILE names', () => {
    expect(JSON.parse(kubeconfigWith(config('apps'), 'apps'))).toEqual(JSON.parse(config('apps')))
  })

  test('gets it where it has another one that is the current one, as other tools write it', () => {
    const named: unknown = JSON.parse(kubeconfigWith(config('apps-admin@apps'), 'apps'))
    expect(named).toMatchObject({
      'current-context': 'apps',
      contexts: [
        { name: 'apps-admin@apps', context: { cluster: 'c', user: 'u' } },
        { name: 'apps', context: { cluster: 'c', user: 'u' } },
      ],
    })
  })

  test.each([
    ['contexts: []\ncurrent-context: x\n', 'it has no context apps, and no current one'],
    ['just words', 'it is not a kubeconfig'],
    ['a: [', 'it is not a kubeconfig'],
  ])('%j cannot be used', (content, message) => {
    expect(() => kubeconfigWith(content, 'apps')).toThrow(message)
  })

  test.each([
    ['user u', 'exec', { command: 'sh' }],
    ['user u', 'tokenFile', '/kubeconfigs/production'],
    ['user u', 'tokenFile', '/var/run/secrets/kubernetes.io/serviceaccount/token'],
    ['user u', 'client-key', '../production.kubeconfig'],
    ['user u', 'auth-provider', { name: 'gcp', config: { 'cmd-path': 'sh' } }],
    ['cluster c', 'certificate-authority', '/home/ann/.vault-token'],
    ['cluster c', 'proxy-url', 'http://proxy'],
  ])('leads to no program and to no file of the machine that reads it: the %s has %s', (what, key, value) => {
    const read: unknown = JSON.parse(config('apps'))
    const parsed = v.parse(v.looseObject({ clusters: v.any(), users: v.any() }), read)
    const entry =
      what === 'user u' ? { users: [{ name: 'u', user: { [key]: value } }] } : { clusters: [{ name: 'c', cluster: { [key]: value } }] }
    expect(() => writeKubeconfig(folder, { name: 'apps', context: 'apps' }, JSON.stringify({ ...parsed, ...entry }))).toThrow(
      `its ${what} has ${key}: only a token or a certificate within it can be used`,
    )
    expect(readdirSync(folder)).toEqual([])
  })

  test('is written for this user alone', () => {
    const file = writeKubeconfig(join(folder, 'kubeconfigs'), { name: 'apps', context: 'apps' }, config('apps'))
    expect([statSync(file).mode & 0o777, statSync(join(folder, 'kubeconfigs')).mode & 0o777]).toEqual([0o600, 0o700])
    expect(readFileSync(file, 'utf8')).toContain('secret-token')
  })
})

test('everything that blocks the run is found, and a cluster that does not answer is none of it', async () => {
  const contents: Readonly<Record<string, string>> = {
    away: config('away'),
    login: config('login', { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws' } }),
    words: 'just words',
  }
  const hidden: string[] = []
  const clusters = ['away', 'login', 'words', 'gone'].map((name, at) => ({
    name,
    context: name,
    cluster: undefined,
    kubeconfigSecret: `${name}-kubeconfig`,
    line: at + 2,
  }))
  const { seen, findings } = await checkKubeconfigs(clusters, {
    find: ({ name }) => (contents[name] === undefined ? { problem: 'there is no Secret' } : { content: contents[name] }),
    folder,
    effect: 'changes',
    knownBefore: () => undefined,
    hide: (secret) => hidden.push(secret),
    signal: new AbortController().signal,
  })
  expect([...findings].sort((one, other) => one.line - other.line)).toEqual([
    {
      line: 3,
      what: 'login: the kubeconfig of the Secret login-kubeconfig cannot be used: its user u has exec: only a token or a certificate within it can be used, and no program or file',
    },
    { line: 4, what: 'words: the kubeconfig of the Secret words-kubeconfig cannot be used: it is not a kubeconfig' },
    { line: 5, what: 'gone: there is no Secret' },
  ])
  expect(seen[0]).toMatchObject({ server: 'https://127.0.0.1:1', uid: undefined, complaint: expect.stringContaining('ECONNREFUSED') })
  expect(hidden).toEqual(['secret-token'])
})
