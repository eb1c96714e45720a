import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { type FluxObject, parseFluxObject } from '../../../lib/flux/object.ts'
import { judgeAll } from '../../../lib/health/assess.ts'
import { foundReconciled } from '../../../lib/health/reconciled.ts'
import type { ProbeFindings } from '../../../lib/health/probe.ts'
import type { Reconciled } from '../../../lib/health/stopped.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import type { Kind } from '../../../lib/kubernetes/objects.ts'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'

const now = Date.parse('2026-01-02T12:00:00Z')
const since = '2026-01-02T11:57:00Z'

const made = (kind: Kind, name: string, reason: string, spec: object = {}) =>
  parseFluxObject(
    {
      metadata: { name, namespace: 'apps', generation: 1, creationTimestamp: '2026-01-02T00:00:00Z' },
      spec: { interval: '10m', ...spec },
      status: {
        conditions: [{ type: 'Ready', status: reason === 'Succeeded' ? 'True' : 'False', reason, message: '', lastTransitionTime: since }],
      },
    },
    kind,
    true,
  )

/** What a probe finds of these objects, where the controller of these kinds does not run. */
function foundOf(what: string, all: readonly FluxObject[], kinds: readonly Kind[] = [], controller = ''): Promise<ProbeFindings> {
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
    stopped: () => Promise.resolve(({ ref }: Reconciled) => (kinds.some(({ kind }) => kind === ref.kind) ? controller : undefined)),
  }
  return foundReconciled(snapshot, what, () => true)
}

test('all that waited for one object, which is Ready again, are one line that warns', async () => {
  const waiting = ['cart', 'pay', 'shop', 'stock', 'web'].map((name) =>
    made(fluxKinds.kustomization, name, 'DependencyNotReady', { dependsOn: [{ name: 'base' }] }),
  )
  expect(await foundOf('Kustomizations', [made(fluxKinds.kustomization, 'base', 'Succeeded'), ...waiting])).toEqual({
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

test('what is Ready only as a controller said that does not run is not reported as Ready', async () => {
  const [git, oci] = [fluxKinds.gitRepository, fluxKinds.ociRepository]
  const all = [made(git, 'fleet', 'Succeeded'), made(oci, 'chart', 'Succeeded'), made(git, 'lost', 'GitOperationFailed')]
  const stale = 'source-controller does not run: this is the state that it last reported'
  const found = await foundOf('sources', all, [git, oci], 'source-controller')
  expect(found).toMatchObject({ state: 'fail', detail: 'of 3 sources: 1 not Ready, 2 in the state last reported' })
  expect(found.objects?.map(({ object, reason }) => `${object}: ${reason}`)).toEqual([
    'GitRepository apps/lost: GitOperationFailed',
    `GitRepository apps/fleet, OCIRepository apps/chart: ${stale}`,
  ])
  expect(await foundOf('sources', all.slice(0, 2), [git, oci], 'source-controller')).toMatchObject({ state: 'warn' })
  expect(await foundOf('sources', all.slice(0, 2), [fluxKinds.kustomization], 'kustomize-controller')).toEqual({
    state: 'ok',
    detail: '2 sources Ready',
  })
  const suspended = [made(git, 'fleet', 'Succeeded', { suspend: true })]
  expect((await foundOf('sources', suspended, [git], 'source-controller')).detail).toBe('of 1 sources: 1 suspended')
})
