import { expect, onTestFinished, test } from 'vitest'
import { kinds, parseObject } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { findOwnedObjects } from '../../../lib/ownership/owned-objects.ts'
import { startApi } from '../api-server.ts'

const namespace = 'flux-system'
const byInstance = { 'fluxcd.controlplane.io/name': 'flux', 'fluxcd.controlplane.io/namespace': namespace }
const byAnother = { ...byInstance, 'fluxcd.controlplane.io/namespace': 'elsewhere' }

test('what the inventory of a FluxInstance names is Flux’s as long as it is marked so, by that very FluxInstance', async () => {
  const configMaps = { name: 'configmaps', kind: 'ConfigMap', namespaced: true, verbs: ['get', 'list'] }
  const of = (name: string, labels: object): unknown => ({ metadata: { namespace: 'shop', name, uid: name, labels } })
  const path = '/api/v1/namespaces/shop/configmaps'
  const api = await startApi({
    '/version': {},
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/api/v1': { resources: [configMaps] },
    '/apis': { kind: 'APIGroupList', groups: [] },
    [`${path}/ours`]: of('ours', byInstance),
    [`${path}/taken`]: of('taken', {}),
    [`${path}/another`]: of('another', byAnother),
  })
  onTestFinished(() => api.close())
  const entries = ['ours', 'taken', 'another', 'gone'].map((name) => ({ id: `shop_${name}__ConfigMap`, v: 'v1' }))
  const instance = parseObject({ ...fluxKinds.fluxInstance, metadata: { namespace, name: 'flux' }, status: { inventory: { entries } } })
  // No object that is recognised by its name and content is there.
  const cluster = { ...api.cluster, get: () => Promise.resolve(undefined) }
  const owned = await findOwnedObjects(cluster, namespace, { instances: [instance], controllers: [], operators: [] }, [])
  expect(owned).toEqual([
    { ref: { ...kinds.configMap, namespace: 'shop', name: 'ours' }, uid: 'ours', by: 'the inventory of FluxInstance flux' },
  ])
})
