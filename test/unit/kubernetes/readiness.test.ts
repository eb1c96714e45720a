import { describe, expect, test } from 'vitest'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { conditionsOf, isTrue } from '../../../lib/kubernetes/readiness.ts'
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
