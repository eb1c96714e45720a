import { asTyped } from '../../../run-names.ts'
import { expect, test } from 'vitest'
import { ensureReconciliationDisabled } from '../../../../lib/commands/teardown/steps/disable-reconciliation.ts'
import { hurrier } from '../../../../lib/commands/teardown/steps/stop-controllers.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { type Cluster, clusterAt } from '../../../../lib/kubernetes/client.ts'
import { type Kind, kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'
import type { StepContext } from '../../../../lib/runner/step.ts'
import { recordingConsole } from '../../../recording-console.ts'

const namespace = 'flux-system'
const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
const signal = new AbortController().signal

function contextWith(answers: Readonly<Record<string, KubeObject[]>>): StepContext {
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, signal),
    get: ({ kind }) => Promise.resolve(answers[kind]?.[0]),
    list: ({ kind }) => Promise.resolve(answers[kind] ?? []),
  }
  return {
    id: 'run',
    script: 'teardown',
    context: 'infra',
    place: 'infra',
    where: '--context infra',
    console: recordingConsole().console,
    memory: { read: () => ({}), write: () => undefined, folder: () => '/nowhere' },
    timeout: 1000,
    signal,
    clean: (text) => text,
    ...asTyped,
    cluster,
  }
}

/** To the second, as the API writes a time. */
const at = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+/, '')

test.each<[string, string, string, boolean]>([
  ['seconds behind the server’s', at(-5), at(0), true],
  ['a minute behind, of an Event that was written again', at(-65), at(-1), true],
  ['ahead, of an Event that was written before', at(60), at(-30), false],
])('the operator is heard by the server’s clock, whatever its own: %s', async (_, stamped, written, isHeard) => {
  const fieldsV1 = { 'f:metadata': { 'f:annotations': { 'f:fluxcd.controlplane.io/reconcile': {} } } }
  const instance = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: {
      namespace,
      name: 'flux',
      annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' },
      managedFields: [{ manager: 'flux-runbook', operation: 'Update', time: at(-2), fieldsV1 }],
    },
    spec: {},
  })
  const said = parseObject({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      namespace,
      name: 'flux.1',
      creationTimestamp: at(-120),
      managedFields: [{ manager: 'flux-operator', operation: 'Update', time: written }],
    },
    lastTimestamp: stamped,
  })
  const pod = parseObject({ ...kinds.pod, metadata: { namespace, name: 'flux-operator-1' }, spec: { containers: [] } })
  const status = await ensureReconciliationDisabled(namespace).check(contextWith({ FluxInstance: [instance], Pod: [pod], Event: [said] }))
  expect(status.is).toBe(isHeard ? 'done' : 'waiting')
})

test('how long a pod has been ending is measured by this machine alone', async () => {
  const metadata = {
    namespace,
    name: 'helm-controller-1',
    uid: '1',
    deletionTimestamp: '2020-01-01T00:00:00Z',
    deletionGracePeriodSeconds: 600,
  }
  const pod = parseObject({ ...kinds.pod, metadata, spec: { containers: [] } })
  const removed: unknown[] = []
  const list = ({ kind }: Kind): Promise<KubeObject[]> => Promise.resolve(kind === 'Pod' ? [pod] : [])
  const remove: Cluster['remove'] = async (_, options) => void removed.push(options)
  let now = 1000
  const hurry = hurrier(namespace, ['controllers'], () => now)
  await hurry({ list, remove }, () => undefined)
  now += 9_000
  await hurry({ list, remove }, () => undefined)
  expect(removed).toEqual([])
  now += 1_000
  await hurry({ list, remove }, () => undefined)
  expect(removed).toEqual([{ uid: '1', graceSeconds: 30 }])
})
