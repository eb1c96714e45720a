import { describe, expect, test } from 'vitest'
import { watchActivity } from '../../../../lib/commands/upgrade/activity.ts'
import { isUnderway, queuedAmong, whileUnderway } from '../../../../lib/commands/upgrade/underway.ts'
import { pageOf } from '../../../../lib/kubernetes/list-page.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { type FluxObject, parseFluxObject } from '../../../../lib/flux/object.ts'
import { judgeAll } from '../../../../lib/health/assess.ts'
import { type Kind, kinds, type KubeObject, nameOf, parseObject, type Ref } from '../../../../lib/kubernetes/objects.ts'
import { given, stage, step } from '../../run-stage.ts'

const now = Date.parse('2026-01-02T12:00:00Z')
const ago = (minutes: number): string => new Date(now - minutes * 60_000).toISOString()
const own = new Set([
  'GitRepository flux-system/fleet',
  'Kustomization flux-system/fleet',
  'HelmRelease flux-system/flux-operator',
  'OCIRepository flux-system/flux-operator',
])
const { gitRepository, ociRepository, kustomization, helmRelease } = fluxKinds

interface Made {
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason?: string
  readonly message?: string
  readonly since?: number
  readonly revision?: string
  readonly more?: object
}

function made(
  kind: Kind,
  name: string,
  { status, reason = 'Succeeded', message = '', since = 30, revision = 'b', more }: Made,
): FluxObject {
  const [namespace, own = ''] = name.split('/')
  const condition = { type: 'Ready', status, reason, message, lastTransitionTime: ago(since), observedGeneration: 1 }
  const at = kind === gitRepository ? { artifact: { revision, lastUpdateTime: ago(since) } } : { lastAppliedRevision: revision }
  return parseFluxObject(
    {
      metadata: { name: own, namespace, generation: 1, creationTimestamp: ago(90) },
      spec: {
        interval: '10m',
        timeout: '5m',
        ...(kind === kustomization ? { sourceRef: { kind: 'GitRepository', name: 'fleet', namespace: 'flux-system' } } : {}),
      },
      status: { conditions: [condition], ...at, ...more },
    },
    kind,
    true,
  )
}

const source = made(gitRepository, 'flux-system/fleet', { status: 'True' })
const lost: Made = { status: 'False', reason: 'ArtifactFailed', message: 'Source artifact not found, retrying in 30s', since: 4 }
const other = (minutes: number): FluxObject =>
  made(kustomization, 'apps/shop', { status: 'True', more: { history: [{ lastReconciled: ago(minutes) }] } })

function seen(all: readonly FluxObject[]) {
  const kinds = new Set(all.map(({ ref }) => ref.kind))
  const objects = { all, byName: new Map(all.map((object) => [object.name, object])), kinds }
  return { objects, judged: judgeAll(objects, now), now }
}

/** Whether it is underway where kustomize-controller has reconciled another object so many minutes ago, or none. */
function underway(all: readonly FluxObject[], minutes?: number): boolean | undefined {
  const activity = watchActivity(own)
  activity.note([other(60)], now - 30 * 60_000)
  if (minutes !== undefined) activity.note([other(minutes)], now - minutes * 60_000)
  return isUnderway(own, seen(all), activity)
}

describe('at the end of the wait, what brings Flux', () => {
  const queued = made(kustomization, 'flux-system/fleet', lost)
  test('is in the queue, while its controller reconciles others', () => {
    expect(underway([source, queued], 1)).toBe(true)
  })
  test.each([undefined, 5])('waits for a controller that does nothing, or no more: %s', (minutes) => {
    expect(underway([source, queued], minutes)).toBe(false)
  })
  test('is in the queue while its controller waits for the health checks of others', () => {
    const busy = made(kustomization, 'apps/slow', { status: 'Unknown', reason: 'Progressing', since: 5 })
    expect(underway([source, queued, busy])).toBe(true)
  })
  test('has an older revision than its source, and is in the queue', () => {
    expect(underway([source, made(kustomization, 'flux-system/fleet', { status: 'True', revision: 'a' })], 1)).toBe(true)
  })
  test('is being reconciled, for no longer than its timeout allows', () => {
    const release = (since: number): FluxObject =>
      made(helmRelease, 'flux-system/flux-operator', { status: 'Unknown', reason: 'Progressing', since })
    expect(underway([source, release(5)])).toBe(true)
    expect(underway([source, release(7)], 1)).toBe(false) // of five minutes, and one
  })
  test.each<[string, FluxObject]>([
    ['cannot be built', made(kustomization, 'flux-system/fleet', { status: 'False', reason: 'BuildFailed', message: 'no' })],
    [
      'cannot be fetched',
      made(ociRepository, 'flux-system/flux-operator', { status: 'False', reason: 'OCIPullFailed', message: 'refused' }),
    ],
    [
      'cannot be released',
      made(helmRelease, 'flux-system/flux-operator', { status: 'False', reason: 'UpgradeFailed', message: 'timed out' }),
    ],
  ])('has failed, whatever the controllers do: %s', (_, failing) => {
    expect(underway([source, failing], 1)).toBe(false)
  })
  test('is Ready, and something else is waited for', () => {
    expect(underway([source, made(kustomization, 'flux-system/fleet', { status: 'True' })], 1)).toBeUndefined()
  })
})

describe('is asked for, to come first', () => {
  const asked = (...all: FluxObject[]): string[] => queuedAmong(own, seen(all)).map(({ name }) => name)
  test('with its source, whose loss shows in it alone', () => {
    expect(asked(source, made(kustomization, 'flux-system/fleet', lost), made(kustomization, 'apps/shop', lost))).toEqual([
      'GitRepository flux-system/fleet',
      'Kustomization flux-system/fleet',
    ])
  })
  test('not while it is being reconciled, nor where it has failed', () => {
    expect(asked(source, made(kustomization, 'flux-system/fleet', { status: 'Unknown', reason: 'Progressing', since: 1 }))).toEqual([])
    expect(asked(source, made(kustomization, 'flux-system/fleet', { status: 'False', reason: 'BuildFailed', message: 'no' }))).toEqual([])
  })
})

test('who waits sees how many others were reconciled meanwhile, where there are many', () => {
  const activity = watchActivity(own)
  const all = (done: number, count: number): FluxObject[] =>
    Array.from({ length: count }, (_, at) =>
      made(kustomization, `apps/app-${at}`, { status: 'True', more: { history: [{ lastReconciled: ago(at < done ? 0 : 60) }] } }),
    )
  activity.note(all(0, 30), now)
  expect(activity.describe()).toBeUndefined()
  activity.note(all(12, 30), now)
  expect(activity.describe()).toBe('reconciled meanwhile: 12 of 30 Kustomizations')
  const few = watchActivity(own)
  few.note(all(0, 3), now)
  few.note(all(2, 3), now)
  expect(few.describe()).toBeUndefined()
})

describe('the wait of an upgrade', () => {
  const manifest = (kind: Kind, name: string, ready: object): KubeObject => {
    const [namespace, own = ''] = name.split('/')
    return parseObject({
      ...kind,
      metadata: { name: own, namespace, generation: 1, creationTimestamp: '2026-01-02T00:00:00Z' },
      spec: { interval: '10m', sourceRef: { kind: 'GitRepository', name: 'fleet', namespace: 'flux-system' } },
      status: { conditions: [{ type: 'Ready', observedGeneration: 1, lastTransitionTime: new Date().toISOString(), ...ready }] },
    })
  }
  const crd = ({ kind, apiVersion }: Kind): KubeObject => {
    const [group = '', version = ''] = apiVersion.split('/')
    const plural = kind === 'GitRepository' ? 'gitrepositories' : `${kind.toLowerCase()}s`
    const versions = [{ name: version, served: true, storage: true, subresources: { status: {} } }]
    return parseObject({
      ...kinds.crd,
      metadata: { name: `${plural}.${group}` },
      spec: { group, scope: 'Namespaced', names: { kind, plural }, versions },
    })
  }
  const deployment = (available: number): KubeObject =>
    parseObject({
      ...kinds.deployment,
      metadata: { name: 'kustomize-controller', namespace: 'flux-system', generation: 1 },
      spec: { replicas: 1, selector: { matchLabels: { app: 'kustomize-controller' } } },
      status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: available },
    })
  const root = manifest(kustomization, 'flux-system/fleet', { status: 'False', reason: 'ArtifactFailed', message: lost.message })
  const fetched = manifest(gitRepository, 'flux-system/fleet', { status: 'True', reason: 'Succeeded' })
  const busy = manifest(kustomization, 'apps/shop', { status: 'Unknown', reason: 'Progressing' })

  function waiting(objects: readonly KubeObject[], available = 1) {
    const patched: string[] = []
    const place = { namespace: 'flux-system', syncName: 'fleet', kustomizations: [] }
    const { run } = stage([], given)
    const cluster = {
      ...run.cluster,
      get: ({ kind }: Kind) => Promise.resolve(kind === 'Deployment' ? deployment(available) : undefined),
      list: ({ kind }: Kind, { labels = '' } = {}) =>
        Promise.resolve(
          kind === 'CustomResourceDefinition'
            ? [crd(gitRepository), crd(kustomization)]
            : kind === 'Deployment' && labels.includes('part-of')
              ? [deployment(available)]
              : [],
        ),
      readPage: (_: string, kind: Kind) =>
        Promise.resolve(pageOf(JSON.stringify({ metadata: {}, items: objects.filter((one) => one.kind === kind.kind) }), kind)),
      patch: (ref: Ref) => {
        patched.push(nameOf(ref))
        return Promise.resolve(root)
      },
    }
    return { step: whileUnderway(step('agreement'), place, {}), run: { ...run, cluster }, patched }
  }

  test('asks for what brings Flux, each at most every half minute', async () => {
    const { step: wait, run, patched } = waiting([root, fetched, busy])
    await wait.nudge?.(run)
    await wait.nudge?.(run)
    expect(patched).toEqual(['GitRepository flux-system/fleet', 'Kustomization flux-system/fleet'])
  })
  test('is not finished at its end while the controllers are available and at work', async () => {
    const { step: wait, run } = waiting([root, fetched, busy])
    expect(await wait.whyUnfinished?.(run)).toBe('Nothing has failed: all controllers are available and at work')
  })
  test('has failed at its end where a controller is not available, or does nothing', async () => {
    const down = waiting([root, fetched, busy], 0)
    expect(await down.step.whyUnfinished?.(down.run)).toBeUndefined()
    const idle = waiting([root, fetched])
    expect(await idle.step.whyUnfinished?.(idle.run)).toBeUndefined()
  })
})
