import { describe, expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject, type Ref } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { findSuspects, type Suspect } from '../../../lib/health/changes.ts'
import { findLoops } from '../../../lib/health/loops.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { watchSuspects } from '../../../lib/health/ongoing-writes.ts'
import { sameAgain } from '../../../lib/health/released-again.ts'

const now = Date.parse('2026-01-02T12:00:00Z')
const ago = (minutes: number): string => new Date(now - minutes * 60_000).toISOString()
const namespace = 'flux-system'

/** Events as kustomize-controller and the operator leave them; times are minutes ago. */
interface ReportedEvent {
  readonly by?: Ref
  readonly line?: string
  readonly count: number
  readonly first: number
  readonly last: number
}
interface Made {
  readonly metadata?: object
  readonly spec?: object
  readonly status?: object
}
const root: Ref = { ...fluxKinds.kustomization, namespace, name: 'flux-system' }
const git: Ref = { ...fluxKinds.gitRepository, namespace, name: 'flux-system' }
const flux: Ref = { ...fluxKinds.fluxInstance, namespace, name: 'flux' }
const settings: Ref = { ...kinds.configMap, namespace, name: 'flux-settings' }

function made(ref: Ref, { metadata, spec, status }: Made = {}): KubeObject {
  const { apiVersion, kind, name } = ref
  return parseObject({
    apiVersion,
    kind,
    metadata: { name, namespace, creationTimestamp: ago(600), ...metadata },
    spec: spec ?? {},
    status: status ?? {},
  })
}

const following = { interval: '10m', sourceRef: { kind: 'GitRepository', name: git.name } }
const fetched = (minutes: number): Made => ({ status: { artifact: { revision: 'main@sha1:abc', lastUpdateTime: ago(minutes) } } })

function runEvent(eventTime: string): KubeObject {
  const annotations = { 'flux-runbook/from': '2.9.5', 'flux-runbook/to': '2.9.4' }
  return parseObject({ apiVersion: 'v1', kind: 'Event', metadata: { name: 'run', namespace, annotations }, eventTime })
}

function clusterWith(objects: () => readonly KubeObject[], reported: readonly ReportedEvent[] = []): Cluster {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const get = (ref: Ref): Promise<KubeObject | undefined> =>
    Promise.resolve(objects().find(({ kind, metadata }) => kind === ref.kind && metadata.name === ref.name))
  return {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get,
    list: ({ kind }) => Promise.resolve(objects().filter((object) => object.kind === kind)),
    collection: ({ kind }, { fields = '' }) => Promise.resolve(`/${kind}?${fields}`),
    async read(path) {
      const named = /^\/(\w+)\/(.+)$/.exec(path) // one object's metadata
      if (named !== null) return get({ apiVersion: '', kind: named[1] ?? '', name: named[2] ?? '' })
      if (path.includes('reportingComponent=')) return { items: objects().filter(({ kind }) => kind === 'Event') }
      const items = reported.flatMap(({ by = root, line = 'ConfigMap/flux-system/flux-settings configured', count, first, last }) => {
        const isAsked = path.includes(`involvedObject.kind=${by.kind},`)
        const times = { firstTimestamp: ago(first), lastTimestamp: ago(last) }
        return isAsked ? [{ involvedObject: by, message: line, count, ...times }] : []
      })
      return { items }
    },
  }
}

function suspects(reported: readonly ReportedEvent[], objects: readonly KubeObject[]): Promise<Suspect[]> {
  return findSuspects(snapshotWith(reported, objects))
}

function snapshotWith(reported: readonly ReportedEvent[], objects: readonly KubeObject[]): Parameters<typeof findLoops>[0] {
  const cluster = clusterWith(() => objects, reported)
  const all = objects.flatMap((object) =>
    ['ConfigMap', 'FluxInstance', 'Deployment'].includes(object.kind)
      ? []
      : [parseFluxObject(object, { apiVersion: object.apiVersion, kind: object.kind }, true)],
  )
  const read = { all, byName: new Map(all.map((object) => [object.name, object])), kinds: new Set<string>() }
  const instance = objects.find(({ kind }) => kind === 'FluxInstance')
  return { cluster, now, objects: () => Promise.resolve(read), instance: () => Promise.resolve(instance) }
}

describe('what was changed again and again', () => {
  // As a lab recorded it after upgrade, rollback, upgrade and the rollback: history merges builds that are alike into two entries.
  const history = [
    { digest: 'sha256:a', firstReconciled: ago(34), lastReconciled: ago(2), lastReconciledStatus: 'ReconciliationSucceeded' },
    { digest: 'sha256:b', firstReconciled: ago(31), lastReconciled: ago(10), lastReconciledStatus: 'ReconciliationSucceeded' },
  ]
  const follower = (more: Made = {}): KubeObject =>
    made(root, { spec: { ...following, ...more.spec }, metadata: { ...more.metadata }, status: { history, ...more.status } })

  test.each<[string, ReportedEvent, readonly KubeObject[]]>([
    [
      'each time for a commit, the last of which explains the last',
      { count: 4, first: 31, last: 2 },
      [follower(), made(git, fetched(2.2))],
    ],
    ['by a controller that waited for others first', { count: 4, first: 31, last: 2 }, [follower(), made(git, fetched(6))]],
    ['since longer ago than Events are kept', { count: 9, first: 400, last: 2 }, [follower(), made(git, fetched(2.2))]],
    [
      'the last time because its own spec was written',
      { count: 4, first: 31, last: 2 },
      [
        follower({ metadata: { managedFields: [{ manager: 'kubectl-edit', time: ago(2.2), fieldsV1: { 'f:spec': { 'f:path': {} } } }] } }),
        made(git, fetched(90)),
      ],
    ],
    [
      'the last time because someone asked, by the flux CLI',
      { count: 4, first: 31, last: 2 },
      [follower({ status: { lastHandledReconcileAt: ago(2.2) } }), made(git, fetched(90))],
    ],
    [
      'the last time because someone asked, by kubectl and date +%s',
      { count: 4, first: 31, last: 2 },
      [follower({ status: { lastHandledReconcileAt: String(Math.floor((now - 130_000) / 1000)) } }), made(git, fetched(90))],
    ],
    [
      'the last time because a ConfigMap that it reads was written',
      { count: 4, first: 31, last: 2 },
      [
        follower({ spec: { postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: settings.name }] } } }),
        made(git, fetched(90)),
        made(settings, { metadata: { managedFields: [{ manager: 'kubectl-edit', time: ago(2.2), fieldsV1: { 'f:data': {} } }] } }),
      ],
    ],
    ['and is not any more', { count: 9, first: 60, last: 25 }, [follower(), made(git, fetched(90))]],
    [
      'by one that was recreated since',
      { count: 9, first: 60, last: 2 },
      [follower({ metadata: { creationTimestamp: ago(1) } }), made(git, fetched(90))],
    ],
    ['twice', { count: 2, first: 15, last: 2 }, [follower(), made(git, fetched(90))]],
    [
      'by the operator, that removes what flux reconcile asks',
      { by: flux, line: 'GitRepository/flux-system/flux-system configured', count: 5, first: 30, last: 1 },
      [made(flux), made(git, { ...fetched(90), metadata: { generation: 12 }, status: { lastHandledReconcileAt: ago(1.5) } })],
    ],
    [
      'by an operator that takes it off only when it looks, in an hour',
      { by: flux, line: 'GitRepository/flux-system/flux-system configured', count: 5, first: 400, last: 1 },
      [made(flux), made(git, { ...fetched(500), status: { lastHandledReconcileAt: ago(55) } })],
    ],
    [
      'by the operator, for each version that it was asked for',
      { by: flux, line: 'Flux v2.9.4 updated\nDeployment/flux-system/source-controller configured', count: 4, first: 31, last: 1 },
      [
        made(flux, {
          metadata: { managedFields: [{ manager: 'helm-controller', time: ago(3), fieldsV1: { 'f:spec': { 'f:distribution': {} } } }] },
        }),
      ],
    ],
    [
      'by the operator, which a run of these scripts had change its version and back',
      { by: flux, line: 'Flux v2.9.4 updated\nDeployment/flux-system/source-controller configured', count: 4, first: 31, last: 1 },
      [made(flux), runEvent(ago(3))],
    ],
  ])('is not a suspicion: %s', async (_, reported, objects) => {
    expect(await suspects([reported], objects)).toEqual([])
  })

  test('is one that a second reading must prove, where the last change has no cause and those before may', async () => {
    const found = await suspects(
      [{ count: 7, first: 60, last: 1 }],
      [made(root, { spec: { ...following, interval: '1m' } }), made(git, fetched(20))],
    )
    expect(found).toMatchObject([
      { object: nameOf(settings), by: nameOf(root), isUnprovoked: false, what: expect.stringContaining('was changed 7 times in 59 m') },
    ])
  })

  test('is one that is known, where all of it has happened since the newest cause', async () => {
    const found = await suspects([{ count: 5, first: 50, last: 5 }], [follower(), made(git, fetched(60))])
    expect(found).toMatchObject([{ object: nameOf(settings), by: nameOf(root), isUnprovoked: true }])
  })

  test('seldom, so that nobody waits for it to happen again, is a loop only where it is known to be one', async () => {
    const loops = async (event: ReportedEvent, minutes: number): Promise<Record<string, string[]>> => {
      const { ongoing, perhaps } = await findLoops(snapshotWith([event], [follower(), made(git, fetched(minutes))]))
      return { ongoing: ongoing.map(({ object }) => object), perhaps: perhaps.map(({ object }) => object) }
    }
    expect(await loops({ count: 5, first: 50, last: 5 }, 60)).toEqual({ ongoing: [nameOf(settings)], perhaps: [] })
    expect(await loops({ count: 7, first: 60, last: 1 }, 40)).toEqual({ ongoing: [], perhaps: [nameOf(settings)] })
  })

  test('is one though Events, which are rationed, say nothing of it any more', async () => {
    const written = [{ manager: 'kustomize-controller', operation: 'Apply', time: ago(0.1) }]
    const pulled = follower({
      spec: { interval: '2s' },
      status: { inventory: { entries: [{ id: `${namespace}_${settings.name}__ConfigMap`, v: 'v1' }] } },
    })
    const reported = [{ count: 12, first: 30, last: 28 }]
    expect(
      await suspects(reported, [pulled, made(git, fetched(10)), made(settings, { metadata: { managedFields: written } })]),
    ).toHaveLength(1)
    expect(await suspects(reported, [pulled, made(git, fetched(10)), made(settings)])).toEqual([])
  })

  test('is one however often someone requests a reconciliation that changes nothing of it', async () => {
    const asked = {
      manager: 'flux',
      time: ago(0.5),
      fieldsV1: { 'f:metadata': { 'f:annotations': { 'f:reconcile.fluxcd.io/requestedAt': {} } } },
    }
    const pulled = follower({ metadata: { managedFields: [asked] } })
    expect(await suspects([{ count: 5, first: 50, last: 5 }], [pulled, made(git, fetched(60))])).toHaveLength(1)
  })
})

describe('the second reading', () => {
  const written = (second: number): KubeObject =>
    made(settings, {
      metadata: {
        uid: 'one',
        managedFields: [{ manager: 'kustomize-controller', operation: 'Apply', time: new Date(now + second * 1000).toISOString() }],
      },
    })
  const suspect: Suspect = {
    object: nameOf(settings),
    by: nameOf(root),
    doer: root,
    what: 'was changed 4 times',
    first: now,
    interval: 2000,
    cause: now,
    newestCause: () => Promise.resolve(now),
    isUnprovoked: true,
  }
  const inventory = { status: { inventory: { entries: [{ id: `${namespace}_${settings.name}__ConfigMap`, v: 'v1' }] } } }
  /** A cluster whose ConfigMap is written each time that it is checked, or never. */
  function pulling(isPulled: boolean): Cluster {
    let checks = 0
    const cluster = clusterWith(() => [made(root, inventory), written(isPulled ? checks : 0)])
    return {
      ...cluster,
      read: async (path) => {
        checks += 1
        return cluster.read(path)
      },
    }
  }

  test('proves it where the same is written again without a new cause', async () => {
    expect(await watchSuspects(pulling(true), [suspect], { writes: 1, within: 10_000 })).toEqual([suspect])
  })
  test('proves nothing where nothing is written', async () => {
    expect(await watchSuspects(pulling(false), [suspect], { writes: 1, within: 500 })).toEqual([])
  })
  test('proves nothing where there was a reason', async () => {
    let reasons = now
    const reasoned = { ...suspect, newestCause: () => Promise.resolve((reasons += 1)) }
    expect(await watchSuspects(pulling(true), [reasoned], { writes: 1, within: 500 })).toEqual([])
  })
})

describe('the same release again', () => {
  const entries = (...releases: readonly [string, string, string?][]) =>
    releases.map(([configDigest, status, chartVersion = '0.59.0']) => ({ configDigest, status, chartVersion, lastDeployed: ago(1) }))
  const lengthOf = (...releases: readonly [string, string, string?][]): number => {
    const { history } = parseFluxObject(
      { metadata: { name: 'flux' }, status: { history: entries(...releases) } },
      fluxKinds.helmRelease,
      true,
    )
    return sameAgain(history).length
  }

  test('is counted back to the newest other one', () => {
    const [old, other] = ['sha256:a', 'sha256:b']
    expect(lengthOf([old, 'deployed'], [old, 'superseded'], [old, 'superseded'])).toBe(3)
    // 2.9.5, 2.9.4, 2.9.5, 2.9.4, 2.9.5
    expect(lengthOf([old, 'deployed'], [other, 'superseded'], [old, 'superseded'], [other, 'superseded'], [old, 'superseded'])).toBe(1)
    expect(lengthOf([old, 'deployed'], [old, 'superseded', '0.58.0'])).toBe(1)
  })
  test('is none where it failed and is tried again', () => {
    expect(lengthOf(['sha256:a', 'failed'], ['sha256:a', 'failed'], ['sha256:a', 'failed'])).toBe(0)
  })
})
