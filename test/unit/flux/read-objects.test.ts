import { afterEach, expect, test, vi } from 'vitest'
import { beginReading, readFluxObjects } from '../../../lib/flux/read-objects.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { type Answers, startApi } from '../api-server.ts'

let api: Awaited<ReturnType<typeof startApi>>
afterEach(() => api.close())

const group = 'kustomize.toolkit.fluxcd.io'
const pathOf = (version: string): string => `/apis/${group}/${version}/kustomizations`
const served = (version: string): unknown => ({
  kind: 'APIGroupDiscoveryList',
  items: [
    {
      metadata: { name: group },
      versions: [
        {
          version,
          resources: [
            {
              resource: 'kustomizations',
              responseKind: { kind: 'Kustomization' },
              scope: 'Namespaced',
              verbs: ['list'],
              subresources: [{ subresource: 'status' }],
            },
          ],
        },
      ],
    },
  ],
})
const list = { metadata: {}, items: [{ metadata: { name: 'shop', namespace: 'apps' } }] }
const crd = parseObject({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `kustomizations.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind: 'Kustomization', plural: 'kustomizations' },
    versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} } }],
  },
})
const lists = (): string[] => api.asked.filter((path) => path.includes('/kustomizations'))

async function readWith(answers: Answers): Promise<readonly string[]> {
  api = await startApi({ [pathOf('v1')]: list, ...answers })
  const { read } = await beginReading(api.cluster)
  return (await readFluxObjects(api.cluster, [crd], read)).all.map(({ name, ref }) => `${ref.apiVersion} ${name}`)
}

test('reading begins with what the API serves, before the CRDs are there, and reads nothing twice', async () => {
  api = await startApi({ '/apis': served('v1'), [pathOf('v1')]: list })
  const { read } = await beginReading(api.cluster)
  await vi.waitFor(() => expect(lists()).toEqual([`${pathOf('v1')}?limit=500`]))
  const { all } = await readFluxObjects(api.cluster, [crd], read)
  expect(all.map(({ name, reportsReady }) => [name, reportsReady])).toEqual([['Kustomization apps/shop', true]])
  expect(lists()).toHaveLength(1)
})

test('where the CRD names another version than the API serves first, that is read', async () => {
  expect(await readWith({ '/apis': served('v1beta2'), [pathOf('v1beta2')]: list })).toEqual([`${group}/v1 Kustomization apps/shop`])
})

test.each<[string, Answers]>([
  ['does not say what it serves', {}],
  ['says it group by group', { '/apis': { kind: 'APIGroupList', groups: [] } }],
])('of an API that %s, all is read that the CRDs bring', async (_, answers) => {
  expect(await readWith(answers)).toEqual([`${group}/v1 Kustomization apps/shop`])
})

test.each([
  ['small objects', 10, 2500],
  ['objects of 20 kB', 20_000, 200],
  ['objects of 100 kB', 100_000, 50],
])('the pages of %s are of some megabytes each', async (_, size, limit) => {
  const item = { metadata: { name: 'shop', namespace: 'apps' }, spec: { text: 'x'.repeat(size) } }
  const page = { metadata: { continue: 'more' }, items: Array.from({ length: 500 }, () => item) }
  api = await startApi({ [`${pathOf('v1')}?limit=500`]: page, [pathOf('v1')]: list })
  expect((await readFluxObjects(api.cluster, [crd])).all).toHaveLength(501)
  const asked = Number(/limit=(\d+)/.exec(lists()[1] ?? '')?.[1])
  expect(Math.abs(asked / limit - 1)).toBeLessThan(0.1)
})
