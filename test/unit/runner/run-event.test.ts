import { expect, test } from 'vitest'
import { eventOf, leaveEvent, versionChanges } from '../../../lib/runner/run-event.ts'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { OperatorError } from '../../../lib/base/errors.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { recordingConsole } from '../../recording-console.ts'

const instance = parseObject({
  ...fluxKinds.fluxInstance,
  metadata: { name: 'flux', namespace: 'flux-system', uid: 'one' },
  spec: { distribution: { version: '2.9.4' } },
  status: { lastAppliedRevision: 'v2.9.4@sha256:abc' },
})
const id = '20261129T190000000Z-upgrade'

function clusterWith(
  instances: readonly KubeObject[],
  create: (object: KubeObject) => Promise<unknown>,
  items: readonly unknown[] = [],
): Cluster {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  return {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    list: () => Promise.resolve([...instances]),
    create,
    collection: () => Promise.resolve('/events?'),
    read: () => Promise.resolve({ items }),
  }
}

test('an Event says which run changes what, on the FluxInstance or, where there is none, on the namespace', () => {
  const event = eventOf({ id, script: 'upgrade' }, instance, { from: '2.9.4', to: '2.9.5' }, '')
  expect(event).toMatchObject({
    apiVersion: 'events.k8s.io/v1',
    metadata: {
      name: 'flux-runbook.20261129t190000000z-upgrade',
      namespace: 'flux-system',
      annotations: { 'flux-runbook/run': id, 'flux-runbook/script': 'upgrade', 'flux-runbook/from': '2.9.4', 'flux-runbook/to': '2.9.5' },
    },
    reportingController: 'flux-runbook',
    action: 'upgrade',
    regarding: { kind: 'FluxInstance', name: 'flux', namespace: 'flux-system', uid: 'one' },
    note: expect.stringMatching(/^upgrade, run 20261129T190000000Z-upgrade by \S+@\S+: Flux 2\.9\.4 → 2\.9\.5$/),
  })
  expect(eventOf({ id, script: 'bootstrap' }, undefined, { from: 'none', to: '2.9.5' }, '')).toMatchObject({
    metadata: { namespace: 'default' },
    regarding: { kind: 'Namespace', name: 'flux-system' },
  })
})

test('is left once, and stops nothing where it may not be; a lock that is lost stops the run', async () => {
  const { console, lines } = recordingConsole()
  const made: KubeObject[] = []
  const run = (create: (object: KubeObject) => Promise<unknown>) => ({
    cluster: clusterWith([instance], create),
    id,
    script: 'upgrade',
    console,
  })
  expect(
    await leaveEvent(
      run((object) => Promise.resolve(made.push(object))),
      '2.9.5',
    ),
  ).toEqual({ from: '2.9.4', to: '2.9.5' })
  expect(made).toHaveLength(1)
  await leaveEvent(
    run(() => Promise.reject(new ApiError(409, 'AlreadyExists', 'there is one'))),
    undefined,
  )
  expect(lines).toEqual([])
  expect(
    await leaveEvent(
      run(() => Promise.reject(new ApiError(403, 'Forbidden', 'may not'))),
      undefined,
    ),
  ).toEqual({ from: '2.9.4', to: '2.9.4' })
  expect(lines.join('\n')).toContain('no Event could be recorded for this run: may not')
  await expect(
    leaveEvent(
      run(() => Promise.reject(new OperatorError('the lock was lost'))),
      undefined,
    ),
  ).rejects.toThrow('the lock was lost')
})

test('health knows from them when the version was changed on purpose', async () => {
  const item = (minute: number, from: string, to: string, namespace = 'flux-system') => ({
    metadata: { namespace, annotations: { 'flux-runbook/from': from, 'flux-runbook/to': to } },
    eventTime: `2026-01-02T12:0${minute}:00.000000Z`,
  })
  const items = [item(1, '2.9.4', '2.9.5'), item(2, '2.9.5', '2.9.5'), item(3, '2.9.4', '2.9.5', 'a-tenant')]
  const cluster = clusterWith([], () => Promise.resolve(), items)
  expect(await versionChanges(cluster, 'flux-system')).toEqual([Date.parse('2026-01-02T12:01:00Z')])
})
