import { describe, expect, test } from 'vitest'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { judgeAll, type Judgement } from '../../../lib/health/assess.ts'
import { rootCauses } from '../../../lib/health/root-causes.ts'

const now = Date.parse('2026-01-02T12:00:00Z')
const ago = (minutes: number): string => new Date(now - minutes * 60_000).toISOString()

interface Made {
  readonly kind?: string
  readonly metadata?: object
  readonly spec?: object
  readonly status?: object
}

function judge(objects: Readonly<Record<string, Made>>): ReadonlyMap<string, Judgement> {
  const all = Object.entries(objects).map(([name, { kind = 'Kustomization', metadata, spec, status }]) => {
    const value = {
      metadata: { name, namespace: 'apps', generation: 1, creationTimestamp: ago(90), ...metadata },
      spec: { ...spec },
      status: { ...status },
    }
    return parseFluxObject(value, { apiVersion: 'v1', kind }, true)
  })
  const kinds = new Set(['Kustomization', 'HelmRelease', 'GitRepository'])
  return judgeAll({ all, byName: new Map(all.map((object) => [object.name, object])), kinds }, now)
}

function ready(status: string, reason: string, minutes: number, message = ''): { conditions: object[] } {
  return { conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime: ago(minutes), observedGeneration: 1 }] }
}

const one = (made: Made): Judgement | undefined => judge({ shop: made }).get(`${made.kind ?? 'Kustomization'} apps/shop`)

describe('one object', () => {
  test.each<[string, Made, Partial<Judgement>]>([
    ['Ready', { status: ready('True', 'Succeeded', 5) }, { is: 'healthy' }],
    [
      'failing, since when',
      { status: ready('False', 'BuildFailed', 5, 'no such path') },
      { is: 'fails', cause: 'failed', reason: 'BuildFailed: no such path', since: ago(5) },
    ],
    ['on its way', { status: ready('Unknown', 'Progressing', 2) }, { is: 'busy' }],
    [
      'on its way for longer than its timeout',
      { spec: { timeout: '1m' }, status: ready('Unknown', 'Progressing', 3, 'x') },
      { is: 'fails', cause: 'overdue', reason: 'still at it: Progressing: x' },
    ],
    ['left for a newer commit', { status: ready('False', 'HealthCheckCanceled', 1) }, { is: 'busy' }],
    [
      'left for a newer commit, and never taken up again',
      { spec: { timeout: '1m' }, status: ready('False', 'HealthCheckCanceled', 3) },
      { is: 'fails', cause: 'not-ready', reason: 'HealthCheckCanceled' },
    ],
    [
      'trying again',
      { kind: 'HelmRelease', status: { ...ready('Unknown', 'Progressing', 1), failures: 4 } },
      { is: 'fails', cause: 'retrying', reason: 'tries again after 4 failures: Progressing' },
    ],
    [
      'trying again, by its history',
      { status: { ...ready('Unknown', 'Progressing', 1), history: [{ lastReconciledStatus: 'HealthCheckFailed' }] } },
      { is: 'fails', cause: 'retrying', reason: 'tries again after HealthCheckFailed: Progressing' },
    ],
    [
      'a source that was never fetched, and is being tried again',
      {
        kind: 'GitRepository',
        status: {
          observedGeneration: -1,
          conditions: [
            ...ready('Unknown', 'Progressing', 0.1).conditions,
            {
              type: 'FetchFailed',
              status: 'True',
              reason: 'GitOperationFailed',
              message: 'timed out',
              lastTransitionTime: ago(40),
              observedGeneration: 1,
            },
          ],
        },
      },
      { is: 'fails', cause: 'retrying', reason: 'tries again after GitOperationFailed: timed out', since: ago(40) },
    ],
    [
      'a release that was never healthy, and is being tried again',
      { kind: 'HelmRelease', status: { ...ready('Unknown', 'Progressing', 1), observedGeneration: -1, failures: 2 } },
      { is: 'fails', reason: 'tries again after 2 failures: Progressing' },
    ],
    ['never checked', {}, { is: 'fails', cause: 'ignored', reason: 'its controller has not observed generation 1', since: ago(90) }],
    ['made just now', { metadata: { creationTimestamp: ago(1) } }, { is: 'busy' }],
    [
      'stalled, though Ready',
      {
        status: {
          conditions: [
            ...ready('True', 'Succeeded', 5).conditions,
            { type: 'Stalled', status: 'True', reason: 'MissingRollbackTarget', lastTransitionTime: ago(9) },
          ],
        },
      },
      { is: 'fails', cause: 'stalled', reason: 'stalled: MissingRollbackTarget', since: ago(9) },
    ],
    [
      'suspended',
      {
        spec: { suspend: true },
        metadata: {
          managedFields: [
            { time: ago(7), fieldsV1: { 'f:spec': { 'f:suspend': {} } } },
            { time: ago(3), fieldsV1: {} },
          ],
        },
      },
      { is: 'suspended', since: ago(7) },
    ],
    ['being deleted for long', { metadata: { deletionTimestamp: ago(20) } }, { is: 'fails', cause: 'deletion', since: ago(20) }],
    [
      'asked, and not heard',
      { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': ago(30) } }, status: ready('True', 'Succeeded', 50) },
      { is: 'fails', cause: 'ignored', since: ago(30) },
    ],
    [
      'whose source does not exist',
      { spec: { sourceRef: { kind: 'GitRepository', name: 'gone' } }, status: ready('True', 'Succeeded', 5) },
      { is: 'fails', cause: 'missing', reason: 'needs GitRepository apps/gone, which does not exist' },
    ],
    ['that has no state', { kind: 'HelmRepository', spec: { type: 'oci' } }, { is: 'healthy' }],
    [
      'a source that fails, with the age of what it offers',
      {
        kind: 'GitRepository',
        spec: { interval: '1m' },
        status: { ...ready('False', 'GitOperationFailed', 5), artifact: { revision: 'a', lastUpdateTime: ago(30) } },
      },
      { is: 'fails', reason: 'GitOperationFailed (its artifact is 30 m 00 s old; its interval is 1m)' },
    ],
  ])('%s', (_, made, expected) => {
    expect(one(made)).toMatchObject(expected)
  })

  test('a Kustomization that is Ready for what its source no longer has', () => {
    const source = (minutes: number): Made => ({
      kind: 'GitRepository',
      status: { ...ready('True', 'Succeeded', 5), artifact: { revision: 'main@sha1:b', lastUpdateTime: ago(minutes) } },
    })
    const shop: Made = {
      spec: { sourceRef: { kind: 'GitRepository', name: 'git' } },
      status: { ...ready('True', 'Succeeded', 50), lastAppliedRevision: 'main@sha1:a' },
    }
    expect(judge({ git: source(1), shop }).get('Kustomization apps/shop')).toEqual({ is: 'healthy' })
    expect(judge({ git: source(20), shop }).get('Kustomization apps/shop')).toMatchObject({
      is: 'fails',
      reason: 'has applied main@sha1:a; GitRepository apps/git has main@sha1:b',
    })
  })
})

test('a Kustomization whose health check a new commit cut short is on its way; one that a timeout ended has failed', () => {
  const [old, newest] = ['main@sha1:a', 'main@sha1:b']
  const shop = (revision: string, duration: string, source = newest): Judgement | undefined =>
    judge({
      git: { kind: 'GitRepository', status: { ...ready('True', 'Succeeded', 1), artifact: { revision: source } } },
      shop: {
        spec: { sourceRef: { kind: 'GitRepository', name: 'git' }, timeout: '2m' },
        status: {
          ...ready('Unknown', 'Progressing', 1),
          history: [
            { lastReconciledStatus: 'HealthCheckFailed', lastReconciledDuration: duration, metadata: { revision } },
            { lastReconciledStatus: 'ReconciliationSucceeded' },
          ],
        },
      },
    }).get('Kustomization apps/shop')
  expect(shop(old, '7.083461122s')).toEqual({ is: 'busy' })
  const failed = { is: 'fails', reason: 'tries again after HealthCheckFailed: Progressing' }
  expect(shop(old, '2m0.083461122s')).toMatchObject(failed)
  expect(shop(newest, '7.083461122s')).toMatchObject(failed)
  expect(shop(old, '7.083461122s', '')).toMatchObject(failed)
})

describe('causes', () => {
  const failing: Made = { kind: 'GitRepository', status: ready('False', 'GitOperationFailed', 5) }
  const waits = (...names: string[]): Made => ({
    spec: { dependsOn: names.map((name) => ({ name })) },
    status: ready('False', 'DependencyNotReady', 5),
  })

  test('who waits for one that waits waits for the cause', () => {
    const judged = judge({
      git: failing,
      first: { spec: { sourceRef: { kind: 'GitRepository', name: 'git' } }, status: ready('False', 'ArtifactFailed', 4) },
      second: waits('first'),
      third: waits('second'),
    })
    expect([...rootCauses(judged)]).toEqual([
      ['GitRepository apps/git', ['Kustomization apps/first', 'Kustomization apps/second', 'Kustomization apps/third']],
    ])
  })
  test('one whose artifact failed although its source is healthy fails by itself', () => {
    const source: Made = { kind: 'GitRepository', status: ready('True', 'Succeeded', 5) }
    const judged = judge({
      git: source,
      shop: { spec: { sourceRef: { kind: 'GitRepository', name: 'git' } }, status: ready('False', 'ArtifactFailed', 4, 'path not found') },
    })
    expect(judged.get('Kustomization apps/shop')).toMatchObject({ is: 'fails', reason: 'ArtifactFailed: path not found' })
  })
  test('one that has waited for what is healthy by now is on its way, for a minute', () => {
    const first: Made = { status: ready('True', 'Succeeded', 0.2) }
    const second = (minutes: number): Made => ({
      spec: { dependsOn: [{ name: 'first' }] },
      status: ready('False', 'DependencyNotReady', minutes),
    })
    expect(judge({ first, second: second(0.5) }).get('Kustomization apps/second')).toEqual({ is: 'busy' })
    expect(judge({ first, second: second(2) }).get('Kustomization apps/second')).toMatchObject({
      is: 'fails',
      reason: 'DependencyNotReady',
    })
  })
  test('so is one that its controller tried while its source had no artifact yet', () => {
    const judged = judge({
      git: { kind: 'GitRepository', status: ready('True', 'Succeeded', 0.1) },
      shop: {
        spec: { sourceRef: { kind: 'GitRepository', name: 'git' } },
        status: ready('False', 'ArtifactFailed', 0.2, 'Source not ready: artifact not found. Retrying in 30s'),
      },
    })
    expect(judged.get('Kustomization apps/shop')).toEqual({ is: 'busy' })
  })
  test('the first of a circle counts as its cause', () => {
    const judged = judge({ one: waits('two'), two: waits('one') })
    expect([...rootCauses(judged)]).toEqual([['Kustomization apps/one', ['Kustomization apps/one', 'Kustomization apps/two']]])
  })
})
