import { afterEach, expect, test } from 'vitest'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { checkCrdsStay } from '../../../lib/preflight/terminating.ts'
import { startApi } from '../api-server.ts'

let api: Awaited<ReturnType<typeof startApi>>
afterEach(() => api.close())

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const name = 'things.fluxcd.example.com'
const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name, deletionTimestamp: '2026-01-02T03:04:05Z' },
  spec: { group: 'fluxcd.example.com', names: { plural: 'things', kind: 'Thing' }, versions: [{ name: 'v1', storage: true }] },
}
const listOf = (items: readonly object[]): object => ({ metadata: {}, items })

test('a CRD of which nothing is left is waited for, and blocks nothing once it is gone', async () => {
  api = await startApi({
    get [`${crds}/${name}`]() {
      return api.asked.filter((path) => path === `${crds}/${name}`).length > 3 ? undefined : crd
    },
    [crds]: listOf([]),
    '/apis/fluxcd.example.com/v1/things': listOf([]),
  })
  expect(await checkCrdsStay(api.cluster, [parseObject(crd)])).toEqual([])
  expect(api.asked.filter((path) => path === `${crds}/${name}`)).toHaveLength(4)
})

test('one that an object holds blocks at once', async () => {
  const held = { metadata: { name: 'a', namespace: 'apps', finalizers: ['example.com/x'] } }
  api = await startApi({ [`${crds}/${name}`]: crd, '/apis/fluxcd.example.com/v1/things': listOf([held]) })
  expect(await checkCrdsStay(api.cluster, [parseObject(crd)])).toMatchObject([
    {
      what: `CustomResourceDefinition ${name} is being deleted, since 2026-01-02T03:04:05Z; held by Thing apps/a (finalizer example.com/x)`,
    },
  ])
})
