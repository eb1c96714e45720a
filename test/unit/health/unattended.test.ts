import { describe, expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { type FluxObject, parseFluxObject } from '../../../lib/flux/object.ts'
import { wantedDeployments } from '../../../lib/flux/wanted-deployments.ts'
import { judgeAll } from '../../../lib/health/assess.ts'
import { stoppedController } from '../../../lib/health/stopped.ts'
import { unattended } from '../../../lib/health/unattended.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'

const namespace = 'flux-system'
const now = Date.parse('2026-11-29T12:00:00Z')
const image = { apiVersion: 'image.toolkit.fluxcd.io/v1', kind: 'ImageRepository' }
const alert = { apiVersion: 'notification.toolkit.fluxcd.io/v1beta3', kind: 'Alert' }

interface Made {
  readonly shard?: string
  readonly lastHandledAt?: string
  readonly spec?: object
}
function made(kind: { apiVersion: string; kind: string }, { shard, lastHandledAt, spec = {} }: Made = {}): FluxObject {
  const labels = shard === undefined ? {} : { 'sharding.fluxcd.io/key': shard }
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Succeeded', message: '' }]
  const history = lastHandledAt === undefined ? [] : [{ lastReconciled: '2026-11-28T00:00:00Z' }, { lastReconciled: lastHandledAt }]
  const metadata = { name: 'shop', namespace: 'apps', labels, creationTimestamp: '2026-11-01T00:00:00Z' }
  return parseFluxObject({ metadata, spec: { interval: '10m', ...spec }, status: { conditions, history } }, kind, kind !== alert)
}
function deployment(name: string, selector?: string): KubeObject {
  const args = selector === undefined ? [] : [`--watch-label-selector=${selector}`]
  const spec = { template: { spec: { containers: [{ name: 'manager', args }] } } }
  const labels = { 'app.kubernetes.io/component': 'kustomize-controller' }
  return parseObject({ ...kinds.deployment, metadata: { name, namespace, labels }, spec })
}

const [main, blue] = [deployment('kustomize-controller', '!sharding.fluxcd.io/key'), deployment('by-colour', 'sharding.fluxcd.io/key=blue')]
const source = parseObject({
  ...deployment('source-controller', '!sharding.fluxcd.io/key'),
  metadata: { name: 'source-controller', namespace },
})
const installation = {
  namespace,
  components: ['source-controller', 'kustomize-controller'],
  shards: ['blue'],
  shardLabel: 'sharding.fluxcd.io/key',
  version: '2.9.5',
  expectsOperator: false,
}
const runningSince = () => -Infinity
/** Why no controller reconciles the object; undefined where someone does. */
function whyOf(object: FluxObject, there: readonly KubeObject[] = [main, source, blue], more: Partial<typeof installation> = {}) {
  const flux = { ...installation, ...more }
  const judgement = unattended([object], { installation: flux, deployments: wantedDeployments(flux, there), now, runningSince }).get(
    object.name,
  )
  return judgement?.is === 'fails' ? judgement.reason : undefined
}

describe('an object that no controller reconciles', () => {
  test('is of a kind whose controller is not part of this Flux', () => {
    expect(whyOf(made(image))).toBe('no controller reconciles it: this Flux has no image-reflector-controller')
    expect(whyOf(made(alert))).toBe('no controller reconciles it: this Flux has no notification-controller')
    expect(whyOf(made(fluxKinds.gitRepository))).toBeUndefined()
    expect(whyOf(made(fluxKinds.externalArtifact))).toBeUndefined()
    expect(whyOf(made(fluxKinds.resourceSet))).toBeUndefined()
    expect(whyOf(made(image, { spec: { suspend: true } }))).toBeUndefined()
  })
  test('is for a shard that does not exist', () => {
    const none = 'no controller reconciles it: it is for shard green, for which there is no kustomize-controller'
    expect(whyOf(made(fluxKinds.kustomization, { shard: 'green' }))).toBe(none)
    expect(whyOf(made(fluxKinds.kustomization, { shard: 'blue' }))).toBeUndefined()
    // Of that shard there is a kustomize-controller only.
    expect(whyOf(made(fluxKinds.gitRepository, { shard: 'blue' }))).toBe(
      'no controller reconciles it: it is for shard blue, for which there is no source-controller',
    )
  })
  test('but not where the main controller takes all, nor where the operator is to recreate the shard', () => {
    const takesAll = [deployment('kustomize-controller'), source]
    expect(whyOf(made(fluxKinds.kustomization, { shard: 'green' }), takesAll)).toBeUndefined()
    expect(whyOf(made(fluxKinds.gitRepository, { shard: 'blue' }), [source], { expectsOperator: true })).toBeUndefined()
    const both = deployment('colours', 'sharding.fluxcd.io/key in (blue, green)')
    expect(whyOf(made(fluxKinds.kustomization, { shard: 'green' }), [main, source, both])).toBeUndefined()
  })
  test('has not been reconciled for longer than its interval allows', () => {
    const late = made(fluxKinds.kustomization, { lastHandledAt: '2026-11-29T11:00:00Z' })
    const justStarted = { installation, deployments: [], now, runningSince: () => now - 60_000 }
    expect(unattended([late], justStarted).size).toBe(0)
    const last = (lastHandledAt: string) => whyOf(made(fluxKinds.kustomization, { lastHandledAt, spec: { timeout: '1m' } }))
    expect(last('2026-11-29T11:38:01Z')).toBeUndefined()
    expect(last('2026-11-29T11:37:00Z')).toBe('its controller last reconciled it 23 m 00 s ago; its interval is 10m')
    const scanned = parseFluxObject(
      { metadata: { name: 'shop' }, spec: { interval: '1m' }, status: { lastScanResult: { scanTime: '2026-11-29T11:00:00Z' } } },
      image,
      true,
    )
    expect(whyOf(scanned, [], { components: ['image-reflector-controller'] })).toContain('last reconciled it')
  })
  test('fails, though it says that it is Ready', () => {
    const object = made(image)
    const found = unattended([object], { installation, deployments: [], now, runningSince })
    const objects = { all: [object], byName: new Map([[object.name, object]]), kinds: new Set<string>() }
    expect(judgeAll(objects, now).get(object.name)).toEqual({ is: 'healthy' })
    expect(judgeAll(objects, now, found).get(object.name)).toMatchObject({ is: 'fails', cause: 'ignored' })
  })
})

describe('an object whose controller does not run', () => {
  const flux = { ...installation, expectsOperator: true }
  /** Which controller that is, where these Deployments run and those only exist. */
  const stoppedOf = (object: FluxObject, running: readonly KubeObject[], idle: readonly KubeObject[] = []): string | undefined =>
    stoppedController(object, {
      installation: flux,
      deployments: [...running, ...idle],
      isRunning: (deployment) => running.includes(deployment),
    })

  test('is reconciled by none, whether its Deployment is gone or has no pod', () => {
    expect(stoppedOf(made(fluxKinds.kustomization), [main, source])).toBeUndefined()
    expect(stoppedOf(made(fluxKinds.kustomization), [source, blue], [main])).toBe('kustomize-controller')
    expect(stoppedOf(made(fluxKinds.gitRepository), [main])).toBe('source-controller')
  })
  test('of a shard is named with the shard; the main controller does for it where it takes all', () => {
    const own = made(fluxKinds.kustomization, { shard: 'blue' })
    expect(stoppedOf(own, [main, blue])).toBeUndefined()
    expect(stoppedOf(own, [main], [blue])).toBe('kustomize-controller of shard blue')
    expect(stoppedOf(own, [deployment('kustomize-controller')])).toBeUndefined()
  })
  test('may be the operator’s', () => {
    const labels = { 'app.kubernetes.io/name': 'flux-operator' }
    const operator = parseObject({ ...kinds.deployment, metadata: { name: 'flux-operator', namespace, labels }, spec: main.spec })
    expect(stoppedOf(made(fluxKinds.resourceSet), [operator])).toBeUndefined()
    expect(stoppedOf(made(fluxKinds.resourceSet), [main], [operator])).toBe('flux-operator')
  })
  test('is not named where it is not part of this Flux: no controller reconciles the object', () => {
    expect(stoppedOf(made(image), [main])).toBeUndefined()
  })
})
