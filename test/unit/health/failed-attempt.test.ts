import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { instance } from '../../../lib/health/probes/instance.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { snapshotOf } from './found-by.ts'

const began = '2026-11-30T23:11:05Z'
const attempted = '2026-11-30T23:11:38Z'
const now = Date.parse('2026-11-30T23:11:40Z')
const denied = "reconciliation failed: ValidatingAdmissionPolicy 'frozen' with binding 'frozen' denied request: no"

/** A FluxInstance that the operator is at. */
function flux(lastReconciledStatus: string, written: string, fields: object = { 'f:spec': {} }): KubeObject {
  return parseObject({
    ...fluxKinds.fluxInstance,
    metadata: {
      name: 'flux',
      namespace: 'flux-system',
      generation: 1,
      managedFields: [
        { manager: 'helm-controller', time: written, fieldsV1: fields },
        { manager: 'flux-operator', time: attempted, subresource: 'status', fieldsV1: {} },
      ],
    },
    spec: { distribution: { version: '2.9.5' } },
    status: {
      lastAppliedRevision: 'v2.9.5@sha256:x',
      history: [{ firstReconciled: began, lastReconciled: attempted, lastReconciledStatus }],
      conditions: [
        {
          type: 'Ready',
          status: 'Unknown',
          reason: 'Progressing',
          message: 'Reconciliation in progress',
          observedGeneration: 1,
          lastTransitionTime: '2026-11-30T23:11:39Z',
        },
      ],
    },
  })
}

async function found(one: KubeObject, read: () => Promise<unknown>): Promise<unknown> {
  const asked: string[] = []
  const { cluster, ...snapshot } = snapshotOf([one])
  const reading = {
    ...cluster,
    collection: (_: unknown, { namespace, fields }: { namespace?: string; fields?: string }) => Promise.resolve(`${namespace} ${fields}`),
    read: (path: string) => {
      asked.push(path)
      return read()
    },
  }
  const own = { now, instance: () => Promise.resolve(one), instances: () => Promise.resolve([one]) }
  const { state, objects = [] } = await instance.check({ ...snapshot, ...own, cluster: reading })
  return { state, said: objects.map(({ reason, since, problem }) => ({ reason, since, problem })), asked: asked.length }
}

const event = (message: string, lastTimestamp: string): object => ({
  involvedObject: { kind: 'FluxInstance', namespace: 'flux-system', name: 'flux' },
  message,
  lastTimestamp,
})
const events = (): Promise<unknown> => Promise.resolve({ items: [event('an earlier reason', began), event(denied, attempted)] })

test('a FluxInstance that is tried again is not healthy meanwhile, and its last Event says why', async () => {
  expect(await found(flux('ReconciliationFailed', '2026-11-30T22:00:00Z'), events)).toEqual({
    state: 'fail',
    said: [{ reason: `tries again after ReconciliationFailed: ${denied}`, since: began, problem: 'FluxInstance failing' }],
    asked: 1,
  })
})

test('nor where the Events are gone, or may not be read', async () => {
  const unexplained = {
    state: 'fail',
    said: [{ reason: 'tries again after ReconciliationFailed', since: began, problem: 'FluxInstance failing' }],
    asked: 1,
  }
  const one = flux('ReconciliationFailed', '2026-11-30T22:00:00Z')
  expect(await found(one, () => Promise.resolve({ items: null }))).toEqual(unexplained)
  expect(await found(one, () => Promise.reject(new ApiError(403, 'Forbidden', 'no')))).toEqual(unexplained)
})

test('one whose last attempt succeeded, or that was written since and has its first, is only in progress', async () => {
  const quiet = { state: 'ok', said: [], asked: 0 }
  expect(await found(flux('ReconciliationSucceeded', '2026-11-30T22:00:00Z'), events)).toEqual(quiet)
  expect(await found(flux('ReconciliationFailed', '2026-11-30T23:11:39Z'), events)).toEqual(quiet)
})

test('a request to reconcile it changes nothing about what failed', async () => {
  const request = { 'f:metadata': { 'f:annotations': { 'f:reconcile.fluxcd.io/requestedAt': {} } } }
  expect(await found(flux('ReconciliationFailed', '2026-11-30T23:11:39Z', request), events)).toMatchObject({ state: 'fail' })
})
