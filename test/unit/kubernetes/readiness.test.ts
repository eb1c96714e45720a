import { describe, expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { conditionsOf, deploymentReadiness, isTrue } from '../../../lib/kubernetes/readiness.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { readinessOf } from '../../../lib/flux/readiness.ts'
import { stepStatusOf } from '../../../lib/runner/step-status.ts'

interface ObjectFields {
  readonly generation?: number
  readonly suspend?: boolean
  readonly observed?: number
  readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string; observedGeneration?: number }[]
}
function repository({ generation = 2, suspend = false, observed, conditions = [] }: ObjectFields) {
  return parseObject({
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { name: 'flux-system', namespace: 'flux-system', generation },
    spec: { suspend },
    status: { conditions, ...(observed === undefined ? {} : { observedGeneration: observed }) },
  })
}
const ready = { type: 'Ready', status: 'True', message: 'stored artifact', observedGeneration: 2 }
const name = 'GitRepository flux-system/flux-system'

describe('an object of Flux', () => {
  test.each<[string, ObjectFields, unknown]>([
    ['is ready at its generation', { observed: 2, conditions: [ready] }, { is: 'ready', message: 'stored artifact' }],
    ['is ready by its condition alone, as a FluxInstance', { conditions: [ready] }, { is: 'ready', message: 'stored artifact' }],
    ['is not reconciled yet without conditions', {}, { is: 'waiting', on: `${name}: not reconciled yet` }],
    [
      'is not reconciled yet when Ready is of the generation before',
      { observed: 2, conditions: [{ ...ready, observedGeneration: 1 }] },
      { is: 'waiting', on: `${name}: not reconciled yet` },
    ],
    [
      'is not reconciled yet when its status is',
      { observed: 1, conditions: [ready] },
      { is: 'waiting', on: `${name}: not reconciled yet` },
    ],
    [
      'says why it is not ready, even when its first check failed',
      { observed: -1, conditions: [{ ...ready, status: 'False', reason: 'GitOperationFailed', message: 'connection refused' }] },
      {
        is: 'waiting',
        on: `${name}: GitOperationFailed: connection refused`,
        because: expect.objectContaining({ type: 'Ready', reason: 'GitOperationFailed', message: 'connection refused' }),
      },
    ],
    ['that is suspended has failed', { suspend: true, observed: 2, conditions: [ready] }, { is: 'failed', reason: `${name} is suspended` }],
    [
      'that is stalled has failed',
      { observed: 2, conditions: [{ type: 'Stalled', status: 'True', reason: 'BuildFailed', message: 'no match', observedGeneration: 2 }] },
      {
        is: 'failed',
        reason: `${name} is stalled (BuildFailed): no match`,
        because: expect.objectContaining({ type: 'Stalled', reason: 'BuildFailed', message: 'no match' }),
      },
    ],
    [
      'that was stalled at an earlier generation is only not reconciled yet',
      { observed: 1, conditions: [{ type: 'Stalled', status: 'True', reason: 'BuildFailed', message: 'no match', observedGeneration: 1 }] },
      { is: 'waiting', on: `${name}: not reconciled yet` },
    ],
  ])('%s', (_, given, readiness) => {
    expect(readinessOf(repository(given))).toEqual(readiness)
  })
})

/** A cluster with at most this Deployment, and this pod of it. */
function clusterWith(deployment?: KubeObject, pod?: KubeObject): Cluster {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const none = clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal)
  return { ...none, get: () => Promise.resolve(deployment), list: () => Promise.resolve(pod === undefined ? [] : [pod]) }
}

describe('a Deployment', () => {
  const ref = { ...kinds.deployment, namespace: 'flux-system', name: 'source-controller' }
  const all = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
  const labels = { app: 'source-controller' }
  const deployment = (status: object): KubeObject =>
    parseObject({
      ...kinds.deployment,
      metadata: { namespace: ref.namespace, name: ref.name, generation: 2 },
      spec: { replicas: 1, selector: { matchLabels: labels } },
      status,
    })

  test.each<[string, object, unknown]>([
    ['is ready when its newest pods are available', all, { is: 'ready', message: 'source-controller 1/1' }],
    ['waits for its controller, which has not seen its newest spec', { ...all, observedGeneration: 1 }, 'source-controller 1/1'],
    ['waits for the pods of its newest spec', { ...all, updatedReplicas: 0 }, 'source-controller 1/1'],
    ['waits for the pods of the spec before to end', { ...all, replicas: 2 }, 'source-controller 1/1'],
    ['waits until its pods are available', { ...all, availableReplicas: 0 }, 'source-controller 0/1'],
  ])('%s', async (_, status, readiness) => {
    const expected = typeof readiness === 'string' ? { is: 'waiting', on: readiness } : readiness
    expect(await deploymentReadiness(clusterWith(deployment(status)), ref)).toEqual(expected)
  })

  test('says why its pods wait, and that it does not exist', async () => {
    const waiting = { restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } } }
    const pod = parseObject({ ...kinds.pod, metadata: { name: 'one', labels }, status: { containerStatuses: [waiting] } })
    expect(await deploymentReadiness(clusterWith(deployment({ ...all, availableReplicas: 0 }), pod), ref)).toEqual({
      is: 'waiting',
      on: 'source-controller 0/1: CrashLoopBackOff after 3 restarts: back-off 40s',
    })
    expect(await deploymentReadiness(clusterWith(), ref)).toEqual({
      is: 'waiting',
      on: 'Deployment flux-system/source-controller does not exist',
    })
  })
})

test('a step that waits is done when its object is Ready, and blocked when that will not get there by itself', () => {
  expect(stepStatusOf({ is: 'ready', message: 'applied' }, 'look')).toEqual({ is: 'done', detail: 'applied' })
  expect(stepStatusOf({ is: 'waiting', on: 'it' }, 'look')).toEqual({ is: 'waiting', on: 'it' })
  expect(stepStatusOf({ is: 'failed', reason: 'it is stalled' }, 'look')).toEqual({
    is: 'blocked',
    reason: 'it is stalled',
    remedy: 'look',
  })
})

test('conditions are read of any object, and of one whose status says nothing of them', () => {
  const crd = (status: object) => parseObject({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CRD', metadata: { name: 'a' }, ...status })
  const established = { type: 'Established', status: 'True', reason: null, message: null, lastTransitionTime: null }
  expect(isTrue(crd({ status: { conditions: [established] } }), 'Established')).toBe(true)
  for (const none of [{}, { status: {} }, { status: { conditions: null } }]) expect(conditionsOf(crd(none))).toEqual([])
})
