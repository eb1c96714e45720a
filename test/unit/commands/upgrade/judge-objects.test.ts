import { describe, expect, test } from 'vitest'
import { judgeHealth } from '../../../../lib/commands/upgrade/checks/health.ts'
import { judgeObjects } from '../../../../lib/commands/upgrade/judge-objects.ts'
import { ownObjects } from '../../../../lib/flux/own-objects.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import type { Kind, KubeObject } from '../../../../lib/kubernetes/objects.ts'
import { parseObject } from '../../../../lib/kubernetes/objects.ts'

const own = ownObjects({
  namespace: 'flux-system',
  syncName: 'fleet',
  kustomizations: ['infra-gitops-flux-instance'],
  operatorRelease: 'flux-operator',
  instanceRelease: 'flux-instance',
})
const shop = (kind: Kind, ready: object | undefined, more: { spec?: object; status?: object } = {}): KubeObject =>
  parseObject({
    ...kind,
    metadata: { name: 'shop', namespace: 'shop' },
    spec: more.spec,
    status: { ...more.status, conditions: ready === undefined ? [] : [{ type: 'Ready', status: 'False', ...ready }] },
  })
const { kustomization, helmRelease, gitRepository } = fluxKinds
const commit = 'abcdef'

test('Flux is brought by these objects', () => {
  expect([...own]).toEqual([
    'FluxInstance flux-system/flux',
    'GitRepository flux-system/fleet',
    'Kustomization flux-system/fleet',
    'Kustomization flux-system/infra-gitops-flux-instance',
    'HelmRelease flux-system/flux-operator',
    'HelmRelease flux-system/flux-instance',
    'OCIRepository flux-system/flux-operator',
    'OCIRepository flux-system/flux-instance',
  ])
})

describe('an object that was Ready and is not', () => {
  const judge = (object: KubeObject | undefined, kind: Kind, isBehind = false) =>
    judgeObjects(object === undefined ? [] : [object], { ready: { [`${kind.kind} shop/shop`]: 'main@sha1:123456' }, own, isBehind, commit })
  const gone = 'no matches for kind "GitRepository" in version "source.toolkit.fluxcd.io/v1beta2"'
  const tried = (lastAttemptedRevision: string) => ({ status: { lastAttemptedRevision } })

  test.each<[string, KubeObject]>([
    ['asks for an API that Flux has no more', shop(kustomization, { reason: 'ReconciliationFailed', message: `dry-run failed: ${gone}` })],
    ['could be built before', shop(kustomization, { reason: 'BuildFailed', message: 'no' }, tried('main@sha1:123456'))],
    [
      'could be built before the commit of this run',
      shop(kustomization, { reason: 'BuildFailed', message: 'no' }, tried('main@sha1:abcdef')),
    ],
  ])('fails because of the version: it %s', (_, object) => {
    expect(judge(object, kustomization)).toMatchObject({
      version: [{ reported: expect.stringContaining('Kustomization shop/shop: ') }],
      elsewhere: [],
    })
  })

  test.each<[string, KubeObject]>([
    ['a chart that does not install', shop(helmRelease, { reason: 'UpgradeFailed', message: 'context deadline exceeded' })],
    ['a workload that is not healthy', shop(kustomization, { reason: 'HealthCheckFailed', message: 'timeout' })],
    ['a commit of its own', shop(kustomization, { reason: 'BuildFailed', message: 'no' }, tried('main@sha1:777777'))],
    [
      'a kind of another project',
      shop(kustomization, { reason: 'ReconciliationFailed', message: 'no matches for kind "X" in version "x.io/v1"' }),
    ],
    ['a source that is away', shop(gitRepository, { reason: 'GitOperationFailed', message: 'connection refused' })],
    ['someone who suspended it', shop(helmRelease, undefined, { spec: { suspend: true } })],
  ])('fails for a reason of its own: %s', (_, object) => {
    expect(judge(object, object)).toMatchObject({
      version: [],
      elsewhere: [{ reported: expect.stringContaining(`${object.kind} shop/shop`), isPending: false }],
    })
  })

  test.each<[string, KubeObject]>([
    ['its dependency', shop(kustomization, { reason: 'DependencyNotReady', message: "dependency 'base' is not ready" })],
    [
      'an artifact that was lost in a restart',
      shop(kustomization, { reason: 'ArtifactFailed', message: 'Source artifact not found, retrying in 30s' }),
    ],
    ['its chart', shop(helmRelease, { reason: 'SourceNotReady', message: "HelmChart 'a/b' is not ready" })],
  ])('has not failed where it waits for %s', (_, object) => {
    expect(judge(object, object)).toMatchObject({ version: [], elsewhere: [{ isPending: true }] })
  })

  test('is missed where it is gone, unless commits came along that may have taken it away', () => {
    expect(judge(undefined, kustomization)).toMatchObject({
      version: [],
      elsewhere: [{ reported: 'Kustomization shop/shop, which is gone' }],
    })
    expect(judge(undefined, kustomization, true)).toEqual({ version: [], elsewhere: [] })
  })

  test('is always the version’s where it brings Flux', () => {
    const ready = { 'HelmRelease flux-system/flux-instance': '' }
    expect(judgeObjects([], { ready, own, isBehind: false, commit })).toMatchObject({
      version: [{ reported: 'HelmRelease flux-system/flux-instance, which is gone' }],
      elsewhere: [],
    })
  })
})

test('beforehand only what brings Flux blocks; the rest is reported', () => {
  const others = ['HelmRelease shop/shop: InstallFailed: no']
  expect(judgeHealth({ own: [], others: [] }, false)).toEqual([])
  expect(judgeHealth({ own: [], others }, false)).toMatchObject([{ is: 'notice' }])
  expect(judgeHealth({ own: ['source-controller 0/1'], others }, false)).toMatchObject([{ is: 'blocks' }, { is: 'notice' }])
  expect(judgeHealth({ own: ['source-controller 0/1'], others: [] }, true)).toMatchObject([{ is: 'notice' }])
})
