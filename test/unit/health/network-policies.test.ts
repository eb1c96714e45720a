import { expect, test } from 'vitest'
import { networkPolicies } from '../../../lib/health/probes/network-policies.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { keptByOperator } from '../kept-by-operator.ts'

const namespace = 'flux-system'
const all = ['allow-egress', 'allow-scraping', 'allow-webhooks']

/** What the probe says where the operator has applied some, and some are there. */
async function found(applied: readonly string[], there: readonly string[], spec: object = {}, installation = keptByOperator) {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const entries = applied.map((name) => ({ id: `${namespace}_${name}_networking.k8s.io_NetworkPolicy`, v: 'v1' }))
  const instance = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux' },
    spec,
    status: { inventory: { entries } },
  })
  const policies = there.map((name) =>
    parseObject({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace, name }, spec: {} }),
  )
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    list: ({ kind }) => Promise.resolve(kind === 'FluxInstance' ? [instance] : kind === 'NetworkPolicy' ? policies : []),
  }
  const snapshot = createSnapshot({
    cluster,
    kubectl: 'kubectl',
    where: '',
    login: { kind: 'none' },
    folder: () => '/nowhere',
    monitoring: undefined,
  })
  const installed = () => Promise.resolve(installation)
  return networkPolicies.check({ ...snapshot, installed, namespace: () => Promise.resolve(namespace) })
}

test.each<[string, readonly string[], readonly string[], object, { state: string; detail: string }]>([
  ['all are there', all, all, {}, { state: 'ok', detail: '3 in place' }],
  ['one that was applied is gone', all, all.slice(1), {}, { state: 'fail', detail: '1 of 3 missing' }],
  ['nothing was applied yet', [], [], {}, { state: 'fail', detail: '3 of 3 missing' }],
  [
    'a patch of the FluxInstance deletes one',
    all.slice(0, 2),
    all.slice(0, 2),
    {},
    { state: 'ok', detail: '2 in place; the FluxInstance leaves out allow-webhooks' },
  ],
  ['none is asked for', [], [], { cluster: { networkPolicy: false } }, { state: 'ok', detail: 'none asked for' }],
])('%s', async (_, applied, there, spec, expected) => {
  const { state, detail } = await found(applied, there, spec)
  expect({ state, detail }).toEqual(expected)
})

test('one that is gone is a part that recover asks for, unless nobody keeps it, or nothing was applied yet', async () => {
  const damages = async (...args: Parameters<typeof found>) => (await found(...args)).objects?.map(({ damage }) => damage)
  expect(await damages(all, all.slice(1))).toEqual(['part-gone'])
  expect(await damages([], all.slice(1))).toEqual([undefined])
  expect(await damages(all, all.slice(1), {}, { ...keptByOperator, installedBy: 'cli', expectsOperator: false })).toEqual([undefined])
})
