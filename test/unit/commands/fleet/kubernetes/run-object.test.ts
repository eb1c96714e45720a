import { afterEach, expect, test } from 'vitest'
import {
  keepIn,
  lastRunObject,
  readRunObject,
  type RunObject,
  runManifest,
} from '../../../../../lib/commands/fleet/kubernetes/run-object.ts'
import { fileDigest, ownProcess } from '../../../../../lib/commands/fleet/fleet-run.ts'
import type { Cluster } from '../../../../../lib/kubernetes/client.ts'
import type { KubeObject } from '../../../../../lib/kubernetes/objects.ts'
import { startApi } from '../../../api-server.ts'

let close = (): void => undefined
afterEach(() => close())

const namespace = 'flux-runbook'
const resources = { resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true }] }

function runNamed(runId: string, command = 'upgrade'): RunObject {
  return {
    runId,
    content: 'clusters: []\n',
    run: {
      schemaVersion: 1,
      command,
      engine: 'kubernetes',
      kubernetes: { context: 'm', namespace, image: 'i', consent: { changes: true, destroys: false }, attempt: 1, jobs: [], folders: {} },
      file: '/fleet.yaml',
      digest: fileDigest('clusters: []\n'),
      waves: [],
      own: {},
      shared: {},
      operator: 'me@here',
      ...ownProcess(),
      startedAt: '2026-11-30T00:00:00.000Z',
      clusters: {},
      passed: {},
    },
  }
}

test('a run is read as it was kept, by its name and as the last that is wanted', async () => {
  const first = runNamed('20261130T000000000Z-fleet-upgrade')
  const last = runNamed('20261130T000000001Z-fleet-capture', 'capture')
  const items = [last, first].map((kept) => runManifest(namespace, kept))
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const api = await startApi({
    '/api/v1': resources,
    [`${path}/fleet-20261130t000000000z`]: items[1],
    [path]: { kind: 'List', metadata: {}, items },
  })
  close = api.close
  expect(await readRunObject(api.cluster, namespace, first.runId)).toEqual(first)
  expect(await readRunObject(api.cluster, namespace, '20250101T000000000Z-fleet-upgrade')).toBeUndefined()
  expect(await lastRunObject(api.cluster, namespace, () => true)).toEqual(last)
  expect(await lastRunObject(api.cluster, namespace, ({ command }) => command === 'upgrade')).toEqual(first)
})

test('one whose clusters are not those that were consented to is refused', async () => {
  const kept = runNamed('20261130T000000000Z-fleet-upgrade')
  const changed = runManifest(namespace, { ...kept, content: 'clusters: [{ name: production }]\n' })
  const api = await startApi({
    '/api/v1': resources,
    [`/api/v1/namespaces/${namespace}/configmaps/fleet-20261130t000000000z`]: changed,
  })
  close = api.close
  await expect(readRunObject(api.cluster, namespace, kept.runId)).rejects.toThrow('was changed since the run began')
})

test('one that is damaged is named, with what to do', async () => {
  const kept = runNamed('20261130T000000000Z-fleet-upgrade')
  const damaged = { ...runManifest(namespace, kept), data: { 'fleet.yaml': '', 'fleet.json': '{' } }
  const api = await startApi({ '/api/v1': resources, [`/api/v1/namespaces/${namespace}/configmaps/fleet-20261130t000000000z`]: damaged })
  close = api.close
  await expect(readRunObject(api.cluster, namespace, kept.runId)).rejects.toMatchObject({
    kind: 'blocked',
    message: 'ConfigMap flux-runbook/fleet-20261130t000000000z is damaged: it does not contain the state of a fleet run',
    remedy: 'check its content; until it is repaired or deleted, no run can be resumed or shown',
  })
})

/** A cluster whose writes are ended by the test. */
function slowCluster(api: Cluster): { cluster: Cluster; written: KubeObject[]; end: () => void } {
  const written: KubeObject[] = []
  const waiting: (() => void)[] = []
  const cluster: Cluster = {
    ...api,
    apply: (object) =>
      new Promise((resolve) => {
        written.push(object)
        waiting.push(() => resolve(object))
      }),
  }
  return { cluster, written, end: () => waiting.shift()?.() }
}

test('what changes while it is kept is kept in one more write; who has to know waits for that one', async () => {
  const api = await startApi({})
  close = api.close
  const { cluster, written, end } = slowCluster(api.cluster)
  const kept = runNamed('20261130T000000000Z-fleet-upgrade')
  const keeper = keepIn(cluster, namespace, kept)
  keeper.keep()
  kept.run.passed.canary = 'now'
  keeper.keep()
  let isKept = false
  const waiting = keeper.kept().then(() => (isKept = true))
  end()
  await expect.poll(() => written.length).toBe(2)
  expect(isKept).toBe(false)
  end()
  await waiting
  expect(written.map((object) => JSON.stringify(object).includes('canary'))).toEqual([false, true])
})
