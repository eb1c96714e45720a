import { describe, expect, test } from 'vitest'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { createStopwatch } from '../../../../lib/commands/upgrade/downtime.ts'

function pod(name: string, tag: string, ready: boolean, isStopping = false): KubeObject {
  const metadata = { name, labels: { app: 'helm-controller' }, ...(isStopping ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) }
  return parseObject({
    ...kinds.pod,
    metadata,
    spec: { containers: [{ image: `ghcr.io/fluxcd/helm-controller:${tag}@sha256:00` }] },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  })
}
const lease = (holder: string): KubeObject =>
  parseObject({ ...kinds.lease, metadata: { name: 'helm-controller-leader-election' }, spec: { holderIdentity: holder } })

describe('the pause of a controller', () => {
  test('is from the last moment of the old pod to the first of the new', () => {
    const { see, measured } = createStopwatch({ 'helm-controller': 'v1.6.3' })
    see(pod('old', 'v1.6.3', true), false, 1000)
    see(pod('new', 'v1.6.4', false), false, 2000)
    see(pod('old', 'v1.6.3', true, true), false, 3000)
    expect(measured()).toEqual({})
    see(pod('new', 'v1.6.4', true), false, 7500)
    see(pod('old', 'v1.6.3', true, true), true, 9000)
    expect(measured()).toEqual({ 'helm-controller': 4500 })
  })

  test('is none where the new pod is ready before the old one goes', () => {
    const { see, measured } = createStopwatch({ 'helm-controller': 'v1.6.3' })
    see(pod('old', 'v1.6.3', true), false, 1000)
    see(pod('new', 'v1.6.4', true), false, 2000)
    see(pod('old', 'v1.6.3', true), true, 3000)
    expect(measured()).toEqual({ 'helm-controller': 0 })
  })

  test('lasts until the new pod has won the election, where there is one', () => {
    const { see, measured } = createStopwatch({ 'helm-controller': 'v1.6.3' })
    see(lease('old_1'), false, 500)
    see(pod('old', 'v1.6.3', true), false, 1000)
    see(pod('new', 'v1.6.4', true), false, 2000)
    expect(measured()).toEqual({})
    see(pod('old', 'v1.6.3', true), true, 3000)
    see(lease('new_2'), false, 18_000)
    expect(measured()).toEqual({ 'helm-controller': 15_000 })
  })

  test('is not known where the new pod worked already when a resumed run began to watch', () => {
    const { see, measured } = createStopwatch({ 'helm-controller': 'v1.6.3' })
    see(pod('new', 'v1.6.4', true), false, 1000)
    expect(measured()).toEqual({})
  })

  test('of others is not measured', () => {
    const { see, measured } = createStopwatch({ 'source-controller': 'v1.9.4' })
    see(pod('new', 'v1.6.4', true), false, 2000)
    expect(measured()).toEqual({})
  })
})
