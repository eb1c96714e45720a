import { afterEach, describe, expect, test } from 'vitest'
import { discover, listResources } from '../../../lib/kubernetes/discovery.ts'
import { readNamespace } from '../../../lib/ownership/namespace-content.ts'
import { type Answers, Failing, startApi } from '../api-server.ts'

let api: Awaited<ReturnType<typeof startApi>>
afterEach(() => api.close())

const list = (items: unknown): unknown => ({ kind: 'APIGroupDiscoveryList', items })
const configMaps = { resource: 'configmaps', responseKind: { kind: 'ConfigMap' }, scope: 'Namespaced', verbs: ['get', 'list'] }
const core = list([{ metadata: {}, versions: [{ version: 'v1', resources: [configMaps], freshness: 'Current' }] }])
const group = (name: string, ...versions: object[]): object => ({ metadata: { name }, versions })
const version = (name: string, resources: unknown, freshness = 'Current'): object => ({ version: name, resources, freshness })
const things = { resource: 'things', responseKind: { kind: 'Thing' }, scope: 'Namespaced', verbs: ['list'] }

async function found(answers: Answers): Promise<{ kinds: string[]; unavailable: readonly string[] }> {
  api = await startApi({ '/version': {}, '/api': core, ...answers })
  const { resources, unavailable } = await discover(api.cluster)
  return { kinds: resources.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`), unavailable }
}

describe('aggregated discovery', () => {
  test.each<[string, unknown]>([
    ['verbs that are null', version('v1beta1', [{ ...things, verbs: null }])],
    ['no verbs', version('v1beta1', [{ resource: 'things', responseKind: { kind: 'Thing' }, scope: 'Namespaced' }])],
    ['no responseKind', version('v1beta1', [{ resource: 'things', scope: 'Namespaced', verbs: ['list'] }])],
    ['a responseKind that is null', version('v1beta1', [{ ...things, responseKind: null }])],
    ['an empty responseKind', version('v1beta1', [{ ...things, responseKind: { group: '', version: '', kind: '' } }])],
    ['resources that are null', version('v1beta1', null)],
  ])('with %s of an old server', async (_, of) => {
    const answers = { '/apis': list([group('custom.metrics.k8s.io', Object(of)), group('example.com', version('v1', [things]))]) }
    expect(await found(answers)).toEqual({ kinds: ['v1 ConfigMap', 'example.com/v1 Thing'], unavailable: [] })
  })

  test('of a group that is null, and without any', async () => {
    expect(await found({ '/apis': list(null) })).toEqual({ kinds: ['v1 ConfigMap'], unavailable: [] })
    api.close()
    expect((await found({ '/apis': list([{ metadata: { name: 'empty.io' }, versions: null }]) })).kinds).toEqual(['v1 ConfigMap'])
  })

  test('of a server that does not answer is named', async () => {
    const answers = { '/apis': list([group('metrics.k8s.io', version('v1beta1', [things], 'Stale'))]) }
    expect(await found(answers)).toEqual({ kinds: ['v1 ConfigMap'], unavailable: ['metrics.k8s.io/v1beta1'] })
  })

  test('takes each kind at the version that the server prefers', async () => {
    const answers = { '/apis': list([group('example.com', version('v2', [things]), version('v1', [things]))]) }
    expect((await found(answers)).kinds).toEqual(['v1 ConfigMap', 'example.com/v2 Thing'])
  })
})

describe('discovery of a server without the aggregated form', () => {
  const groups = {
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/api/v1': { resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true, verbs: ['list'] }] },
    '/apis': {
      kind: 'APIGroupList',
      groups: [
        { name: 'example.com', versions: [{ version: 'v1' }, { version: 'v2' }], preferredVersion: { version: 'v2' } },
        { name: 'metrics.k8s.io', versions: [{ version: 'v1beta1' }] },
      ],
    },
    '/apis/example.com/v1': { resources: [{ name: 'things', kind: 'Thing', namespaced: true, verbs: ['list'] }] },
    '/apis/example.com/v2': {
      resources: [{ name: 'things', kind: 'Thing', namespaced: true, verbs: ['list'] }, { name: 'things/status' }],
    },
  }

  test('asks each version, and names the one whose server is away', async () => {
    const answers = { ...groups, '/apis/metrics.k8s.io/v1beta1': new Failing(503, 'service unavailable') }
    expect(await found(answers)).toEqual({
      kinds: ['v1 ConfigMap', 'example.com/v2 Thing'],
      unavailable: ['metrics.k8s.io/v1beta1'],
    })
  })

  test('throws for an answer of no shape that is known', async () => {
    api = await startApi({ '/api': { kind: 'APIVersions', versions: ['v1'] }, '/api/v1': { resources: null }, '/apis': { kind: 'List' } })
    await expect(listResources(api.cluster)).rejects.toThrow()
  })
})

test('what is in a namespace is read although one server is away, another fails and a third lists nothing', async () => {
  const served = ['away.io', 'failing.io', 'odd.io', 'example.com'].map((name) => group(name, version('v1', [things])))
  const path = (name: string): string => `/apis/${name}/v1/namespaces/flux-system/things`
  const items = [{ metadata: { name: 'one', uid: '1' } }]
  api = await startApi({
    '/version': {},
    '/api': core,
    '/apis': list(served),
    '/api/v1/namespaces/flux-system/configmaps': { metadata: {}, items: null },
    [path('away.io')]: new Failing(503, 'service unavailable'),
    [path('failing.io')]: new Failing(500, JSON.stringify({ message: 'conversion webhook failed', reason: 'InternalError' })),
    [path('odd.io')]: new Failing(405, JSON.stringify({ message: 'not allowed', reason: 'MethodNotAllowed' })),
    [path('example.com')]: { items }, // without metadata, and whole
  })
  expect(await readNamespace(api.cluster, 'flux-system', [])).toEqual({
    flux: [],
    others: [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 'one' }],
    unseen: ['things.away.io', 'things.failing.io'],
  })
})
