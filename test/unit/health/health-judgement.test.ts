import { describe, expect, test } from 'vitest'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { judgeAll, type Judgement } from '../../../lib/health/assess.ts'
import { isSuspended } from '../../../lib/flux/suspension.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
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
  const kinds = new Set(['Kustomization', 'HelmRelease', 'GitRepository', 'HelmChart'])
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
  describe('one that has waited for what is Ready again', () => {
    const [first, second] = ['Kustomization apps/first', 'Kustomization apps/second']
    const waiting = (more: Made = {}): Made => ({
      status: ready('False', 'DependencyNotReady', 60),
      ...more,
      spec: { dependsOn: [{ name: 'first' }], interval: '5m', ...more.spec },
    })
    const after = (minutes: number, more: Made = {}): Judgement | undefined =>
      judge({ first: { ...more, status: ready('True', 'Succeeded', minutes) }, second: waiting(more) }).get(
        `${more.kind ?? 'Kustomization'} apps/second`,
      )

    test.each([{}, { kind: 'HelmRelease' }])(
      'is on its way for a minute, then to be tried again, whatever it waited before: %o',
      (kind) => {
        const name = `${'kind' in kind ? kind.kind : 'Kustomization'} apps/first`
        expect(after(0.5, kind)).toEqual({ is: 'busy' })
        expect(after(3, kind)).toEqual({ is: 'due', after: [name], since: ago(3) })
      },
    )
    test('fails once its controller had an attempt and an interval for it', () => {
      expect(after(7)).toEqual({
        is: 'fails',
        cause: 'ignored',
        reason: `waited for ${first}, which is Ready since ${ago(7)}; its controller has not tried again`,
        since: ago(7),
      })
    })
    test('still waits for what it judges by an expression of its own', () => {
      const judged = judge({
        first: { status: ready('True', 'Succeeded', 30) },
        second: waiting({ spec: { dependsOn: [{ name: 'first', readyExpr: 'dep.metadata.labels.open == "yes"' }] } }),
      })
      expect(judged.get(second)).toMatchObject({ is: 'waits', on: [first] })
    })
    test('still waits for what is Ready with the revision before', () => {
      const git = { kind: 'GitRepository', status: { ...ready('True', 'Succeeded', 30), artifact: { revision: 'main@sha1:b' } } }
      const spec = { sourceRef: { kind: 'GitRepository', name: 'git' } }
      const dependency = (revision: string, minutes: number): Made => ({
        spec,
        status: {
          ...ready('True', 'Succeeded', 30),
          lastAppliedRevision: revision,
          history: [{ lastReconciled: ago(minutes), lastReconciledStatus: 'ReconciliationSucceeded' }],
        },
      })
      const at = (one: Made): Judgement | undefined => judge({ git, first: one, second: waiting({ spec }) }).get(second)
      expect(at(dependency('main@sha1:a', 9))).toMatchObject({ is: 'waits', on: [first] })
      expect(at(dependency('main@sha1:b', 2))).toMatchObject({ is: 'due', after: [first], since: ago(2) })
    })
    test('still waits for its HelmChart, though the source of that is Ready', () => {
      const chart = (status: string): Made => ({ kind: 'HelmChart', status: ready(status, 'Progressing', 3) })
      const release: Made = {
        kind: 'HelmRelease',
        spec: { chart: { spec: { sourceRef: { kind: 'GitRepository', name: 'git' } } } },
        status: { ...ready('False', 'SourceNotReady', 60), helmChart: 'apps/chart' },
      }
      const git: Made = { kind: 'GitRepository', status: ready('True', 'Succeeded', 30) }
      expect(judge({ git, chart: chart('Unknown'), shop: release }).get('HelmRelease apps/shop')).toMatchObject({
        is: 'waits',
        on: ['HelmChart apps/chart'],
      })
      expect(judge({ git, chart: chart('True'), shop: release }).get('HelmRelease apps/shop')).toMatchObject({
        is: 'due',
        after: ['HelmChart apps/chart'],
      })
    })
    test.each([
      'Source not ready: artifact not found. Retrying in 30s', // helm-controller
      'Source artifact not found, retrying in 30s', // kustomize-controller, here and below
      'Source is not ready, artifact not found, retrying in 30s',
    ])('its source, by what its controller says: %s', (message) => {
      const judged = judge({
        git: { kind: 'GitRepository', status: ready('True', 'Succeeded', 0.1) },
        shop: { spec: { sourceRef: { kind: 'GitRepository', name: 'git' } }, status: ready('False', 'ArtifactFailed', 0.2, message) },
      })
      expect(judged.get('Kustomization apps/shop')).toEqual({ is: 'busy' })
    })
    test('its source, which is Ready all along and has no longer what it fetched', () => {
      const judged = (minutes: number): Judgement | undefined =>
        judge({
          git: { kind: 'GitRepository', status: ready('True', 'Succeeded', 30) },
          shop: {
            spec: { sourceRef: { kind: 'GitRepository', name: 'git' }, interval: '1h' },
            status: ready('False', 'ArtifactFailed', minutes, 'Source artifact not found, retrying in 30s'),
          },
        }).get('Kustomization apps/shop')
      expect(judged(0.5)).toMatchObject({ is: 'due' })
      expect(judged(2)).toMatchObject({
        is: 'fails',
        cause: 'artifact-lost',
        reason: `GitRepository apps/git is Ready since ${ago(30)}, but source-controller no longer has its artifact (Source artifact not found, retrying in 30s)`,
      })
    })
  })
  test('thousands that wait for each other in a row have one cause', () => {
    const row = Array.from({ length: 20_000 }, (_, at): [string, Judgement] => [
      String(at),
      { is: 'waits', on: [String(at + 1)], since: '' },
    ])
    expect(rootCauses(new Map(row)).get('20000')).toHaveLength(20_000)
  })
  test('the first of a circle counts as its cause', () => {
    const judged = judge({ one: waits('two'), two: waits('one') })
    expect([...rootCauses(judged)]).toEqual([['Kustomization apps/one', ['Kustomization apps/one', 'Kustomization apps/two']]])
  })
})

test('a ResourceSet that depends on an object of another program, of a kind that Flux has too, lacks nothing', () => {
  const dependsOn = [{ apiVersion: 'pkg.crossplane.io/v1', kind: 'HelmRelease', name: 'provider-aws' }]
  expect(one({ kind: 'ResourceSet', spec: { dependsOn }, status: ready('True', 'Succeeded', 5) })).toEqual({ is: 'healthy' })
  const missing = { apiVersion: 'helm.toolkit.fluxcd.io/v2', kind: 'HelmRelease', name: 'shop' }
  expect(one({ kind: 'ResourceSet', spec: { dependsOn: [missing] }, status: ready('True', 'Succeeded', 5) })).toMatchObject({
    is: 'fails',
    cause: 'missing',
  })
})

test("the operator's annotation suspends nothing of the controllers': what fails with it fails", () => {
  const metadata = { annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } }
  const made = { metadata, status: ready('False', 'BuildFailed', 5, 'no such path') }
  const kind = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' }
  const object = { ...kind, metadata: { name: 'shop', namespace: 'apps', ...metadata }, spec: {} }
  expect(one(made)).toMatchObject({ is: 'fails', cause: 'failed' })
  expect([parseFluxObject(object, kind, true).isSuspended, isSuspended(parseObject(object))]).toEqual([false, false])
  const set = { ...object, apiVersion: 'fluxcd.controlplane.io/v1', kind: 'ResourceSet' }
  expect([parseFluxObject(set, set, true).isSuspended, isSuspended(parseObject(set))]).toEqual([true, true])
})
