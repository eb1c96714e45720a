import { asTyped } from '../../../run-names.ts'
import { expect, test } from 'vitest'
import { ensureRolledBack, ensureApplierResumed, ensureApplierSuspended } from '../../../../lib/commands/upgrade/steps/roll-back.ts'
import type { FluxPlace } from '../../../../lib/flux/refs.ts'
import { type Cluster, clusterAt } from '../../../../lib/kubernetes/client.ts'
import { type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'
import type { Consent } from '../../../../lib/runner/consent.ts'
import type { StepContext } from '../../../../lib/runner/step.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { stage } from '../../run-stage.ts'

const namespace = 'flux-system'
const place: FluxPlace = {
  namespace,
  syncName: namespace,
  kustomizations: [],
  operatorRelease: 'flux-operator',
  instanceRelease: 'flux-instance',
}

function instance(uid: string, wanted: string, applied: string, more: { stalled?: string; deleted?: true } = {}): KubeObject {
  const deletion = more.deleted === undefined ? {} : { deletionTimestamp: '2026-11-29T00:00:00Z' }
  const stalled = { type: 'Stalled', status: 'True', reason: 'BuildFailed', message: more.stalled }
  return parseObject({
    apiVersion: 'fluxcd.controlplane.io/v1',
    kind: 'FluxInstance',
    metadata: { namespace, name: 'flux', uid, generation: 1, ...deletion },
    spec: { distribution: { version: wanted } },
    status: { lastAppliedRevision: `v${applied}@sha256:x`, conditions: more.stalled === undefined ? [] : [stalled] },
  })
}

/** A cluster that holds a FluxInstance and no more; its operator lets go of one that is deleted, or not. Says what is written, in order. */
function puttingBack(first: KubeObject, letsGo: boolean, timeout: number): { story: string[]; result: Promise<void> } {
  const story: string[] = []
  let live: KubeObject | undefined = first
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const signal = new AbortController().signal
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, signal),
    get: () => Promise.resolve(live),
    page: () => Promise.resolve({ objects: [], next: '', resourceVersion: '1' }), // a watch reports it at once: no wait lasts
    patch() {
      story.push('disable')
      return Promise.resolve(first)
    },
    remove(_, { uid }) {
      story.push(`delete ${uid}`)
      live = letsGo ? undefined : instance(uid, '2.8.5', '2.9.0', { deleted: true })
      return Promise.resolve()
    },
    apply() {
      story.push('apply')
      live = instance('recreated', '2.8.5', '')
      return Promise.resolve(live)
    },
  }
  const step = ensureRolledBack({
    place,
    version: '2.8.5',
    instance: instance('', '2.8.5', ''),
    served: {},
    images: {},
    leftImages: {},
    ran: false,
    arrived: () => undefined,
    isReinstall: true,
  })
  const say = (): void => undefined
  const waiting = { on: say, success: say, failure: say, stop: say }
  const output = { action: say, success: say, warning: say, failure: say, line: say, faint: say }
  const console = { ...output, answer: output, wait: () => waiting, isTerminal: false }
  const memory = { read: () => ({}), write: () => undefined, folder: () => '' }
  const names = { id: 'run', script: 'upgrade', context: 'infra', place: 'infra', where: '--context infra' }
  const run: StepContext = { ...names, cluster, console, memory, timeout, signal, clean: (text) => text, ...asTyped }
  return { story, result: step.apply(run, (text) => void story.push(text)) }
}

const reported = 'FluxInstance flux-system/flux to be reconciled by the operator'

test.each([
  ['that has applied a newer minor', instance('old', '2.9.0', '2.9.0')],
  ['whose operator refuses the version', instance('old', '2.8.5', '', { stalled: 'downgrading from v2.9.0 to v2.8.5 is not supported' })],
])('a FluxInstance %s is recreated once it is gone', async (_, first) => {
  const { story, result } = puttingBack(first, true, 60_000)
  await result
  expect(story).toEqual(['disable', 'delete old', 'apply', reported])
})

test('a FluxInstance of another patch, or with another trouble, is not removed for it', async () => {
  const { story, result } = puttingBack(instance('old', '2.8.6', '2.8.6', { stalled: 'no match' }), true, 60_000)
  await result
  expect(story).toEqual(['apply', reported])
})

test('a FluxInstance that its operator does not let go is waited for no longer than a wait may take', async () => {
  const { story, result } = puttingBack(instance('old', '2.9.0', '2.9.0'), false, 20)
  await expect(result).rejects.toMatchObject({
    message: 'FluxInstance flux-system/flux was deleted, to be recreated, and is still there: its operator has not removed its finalizer',
    remedy: 'kubectl --namespace flux-system describe fluxinstance flux',
  })
  expect(story).toEqual(['disable', 'delete old'])
})

test('a plan that suspends the HelmRelease does not show it as running: that is undone by then', () => {
  expect(ensureApplierResumed(place).undoneBy).toEqual([ensureApplierSuspended(place, () => undefined).id])
})

test.each([
  ['flux', 'failed', 'flux --namespace flux-system resume helmrelease flux-instance'],
  ['flux-runbook', 'done', undefined],
])('a HelmRelease that %s has suspended while this ran: resuming it ends %s', async (manager, outcome, command) => {
  const managedFields = [{ manager, fieldsV1: { 'f:spec': { 'f:suspend': {} } }, time: '2026-11-30T01:00:00Z' }]
  let suspend = true
  const release = () =>
    parseObject({ ...fluxKinds.helmRelease, metadata: { namespace, name: 'flux-instance', managedFields }, spec: { suspend } })
  const patch: Cluster['patch'] = () => {
    suspend = false
    return Promise.resolve(release())
  }
  const yes: Consent = { changes: 'given', destroys: 'missing' }
  const { result } = stage(
    [ensureApplierResumed(place)],
    yes,
    undefined,
    {},
    { world: { cluster: { ...clusterOf(() => [release()]), patch } } },
  )
  const { outcome: ended, failure } = await result
  expect([ended, suspend]).toEqual([outcome, outcome !== 'done'])
  if (command === undefined) return
  expect(failure?.message).toContain(
    'HelmRelease flux-system/flux-instance is suspended by flux (flux CLI) since 2026-11-30T01:00:00Z, and what a person has suspended is not resumed',
  )
  expect(failure?.remedy).toContain(command)
})
