import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { judgeAll } from '../../../lib/health/assess.ts'
import { foundReconciled } from '../../../lib/health/reconciled.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'

const now = Date.parse('2026-01-02T12:00:00Z')
const since = '2026-01-02T11:57:00Z'

test('all that waited for one object, which is Ready again, are one line that warns', async () => {
  const kustomization = (name: string, reason: string, spec: object = {}) =>
    parseFluxObject(
      {
        metadata: { name, namespace: 'apps', generation: 1, creationTimestamp: '2026-01-02T00:00:00Z' },
        spec: { interval: '10m', ...spec },
        status: {
          conditions: [
            { type: 'Ready', status: reason === 'Succeeded' ? 'True' : 'False', reason, message: '', lastTransitionTime: since },
          ],
        },
      },
      fluxKinds.kustomization,
      true,
    )
  const waiting = ['cart', 'pay', 'shop', 'stock', 'web'].map((name) =>
    kustomization(name, 'DependencyNotReady', { dependsOn: [{ name: 'base' }] }),
  )
  const all = [kustomization('base', 'Succeeded'), ...waiting]
  const objects = { all, byName: new Map(all.map((object) => [object.name, object])), kinds: new Set(['Kustomization']) }
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const snapshot = {
    ...createSnapshot({
      cluster: clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
      kubectl: 'kubectl',
      where: '',
      login: { kind: 'none' },
      folder: () => '/nowhere',
      monitoring: undefined,
      now,
    }),
    namespace: () => Promise.resolve('flux-system'),
    objects: () => Promise.resolve(objects),
    judged: () => Promise.resolve(judgeAll(objects, now)),
  }
  expect(await foundReconciled(snapshot, 'Kustomizations', () => true)).toEqual({
    state: 'warn',
    detail: 'of 6 Kustomizations: 5 to be tried again, now that what they waited for is Ready',
    objects: [
      {
        object: 'Kustomization apps/cart, Kustomization apps/pay, Kustomization apps/shop and 2 more',
        reason: 'waited for Kustomization apps/base, which is Ready again: tried again within half a minute, later if many are queued',
        since,
      },
    ],
  })
})
