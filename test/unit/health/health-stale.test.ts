import { describe, expect, test } from 'vitest'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { keptByOperator } from '../kept-by-operator.ts'
import { type Kind, kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { instance as instanceProbe, neglectOf } from '../../../lib/health/probes/instance.ts'
import { secrets } from '../../../lib/health/probes/secrets.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'

const now = Date.parse('2026-11-01T12:00:00Z')
const ago = (minutes: number): string => new Date(now - minutes * 60_000).toISOString()
const ready = (minutes: number, status = 'True') => ({ conditions: [{ type: 'Ready', status, lastTransitionTime: ago(minutes) }] })

describe('a FluxInstance that says it is Ready', () => {
  const instance = (minutes: number, annotations: Record<string, string> = {}, status = 'True'): KubeObject =>
    parseObject({
      ...fluxKinds.fluxInstance,
      metadata: { name: 'flux', namespace: 'flux-system', annotations },
      spec: {},
      status: ready(minutes, status),
    })
  const pod = (minutes: number): KubeObject => parseObject({ ...kinds.pod, metadata: { name: 'flux-operator-1' }, status: ready(minutes) })
  const everyMinute = { 'fluxcd.controlplane.io/reconcileEvery': '1m' }

  test('and at which the operator has not looked for three intervals, as one that is cut off does not, is not', () => {
    expect(neglectOf(instance(11, everyMinute), [pod(60)], now)).toEqual({
      reason: 'the operator reconciles it every 1m, but has not lately: it may be unable to reach the API',
      since: ago(11),
    })
    expect(neglectOf(instance(3 * 60 + 2), [pod(600)], now)).toMatchObject({ since: ago(182) })
    expect(neglectOf(instance(11, everyMinute), [], now)).toBeDefined()
  })
  test('is, where the operator has reconciled since, is reconciling, or has only just started', () => {
    expect(neglectOf(instance(3, everyMinute), [pod(60)], now)).toBeUndefined()
    expect(neglectOf(instance(11), [pod(60)], now)).toBeUndefined()
    expect(neglectOf(instance(11, everyMinute, 'Unknown'), [], now)).toBeUndefined()
    expect(neglectOf(instance(11, everyMinute), [pod(60), pod(1)], now)).toBeUndefined()
  })
})

test('a HelmRelease that is being deleted brings nothing of what Git says to the FluxInstance', async () => {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const metadata = { name: 'flux-instance', namespace: 'flux-system', deletionTimestamp: ago(5) }
  const cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: ({ kind }: Kind) =>
      Promise.resolve(kind === 'HelmRelease' ? parseObject({ ...fluxKinds.helmRelease, metadata, spec: {} }) : undefined),
    list: ({ kind }: Kind) => Promise.resolve(kind === 'FluxInstance' ? [live] : []),
  }
  const live = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { name: 'flux', namespace: 'flux-system', labels: { 'helm.toolkit.fluxcd.io/name': 'flux-instance' } },
    spec: { distribution: { version: '2.9.5' } },
    status: { lastAppliedRevision: 'v2.9.5@sha256:x', ...ready(1) },
  })
  const options = {
    cluster,
    kubectl: 'kubectl',
    where: '--lab',
    login: { kind: 'none' } as const,
    folder: () => '',
    monitoring: undefined,
    now,
  }
  const own = {
    installed: () => Promise.resolve(keptByOperator),
    instance: () => Promise.resolve(live),
    namespace: () => Promise.resolve('flux-system'),
    pods: () => Promise.resolve([]),
  }
  const snapshot = { ...createSnapshot(options), ...own }
  expect(await instanceProbe.check(snapshot)).toMatchObject({
    state: 'fail',
    objects: [{ reason: `its HelmRelease flux-instance is being deleted since ${ago(5)}: changes in Git do not reach it` }],
  })
})

describe('a FluxInstance that waits for its operator', () => {
  const operatorPod = parseObject({
    ...kinds.pod,
    metadata: { name: 'flux-operator-1', labels: { 'app.kubernetes.io/name': 'flux-operator' } },
  })
  const condition = (status: string, observedGeneration: number) => ({
    conditions: [{ ...ready(11, status).conditions[0], reason: 'Progressing', message: 'Reconciliation in progress', observedGeneration }],
  })
  const problemOf = async (status: object, pods: readonly KubeObject[], stopped?: string): Promise<unknown> => {
    const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
    const live = parseObject({
      ...fluxKinds.fluxInstance,
      metadata: { name: 'flux', namespace: 'flux-system', generation: 2, creationTimestamp: ago(60) },
      spec: { distribution: { version: '2.9.5' } },
      status: { lastAppliedRevision: 'v2.9.5@sha256:x', ...status },
    })
    const cluster = {
      ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
      get: () => Promise.resolve(undefined),
    }
    const options = {
      cluster,
      kubectl: 'kubectl',
      where: '--lab',
      login: { kind: 'none' } as const,
      folder: () => '',
      monitoring: undefined,
      now,
    }
    const own = {
      installed: () => Promise.resolve(keptByOperator),
      instance: () => Promise.resolve(live),
      namespace: () => Promise.resolve('flux-system'),
      pods: () => Promise.resolve(pods),
      instances: () => Promise.resolve([live]),
      stopped: () => Promise.resolve(() => stopped),
    }
    const { state, objects = [] } = await instanceProbe.check({ ...createSnapshot(options), ...own })
    return [state, objects.map(({ reason, problem }) => `${reason} (${problem ?? 'no problem of its own'})`)]
  }
  const unseen = condition('True', 1)
  const begun = condition('Unknown', 2)

  test('is not failing where that is gone: recover would repair, or roll back, what only lacks its operator', async () => {
    expect(await problemOf(unseen, [])).toEqual(['fail', ['the operator has not observed generation 2 (no problem of its own)']])
    expect(await problemOf(begun, [])).toEqual(['fail', ['still Progressing: Reconciliation in progress (no problem of its own)']])
  })
  test('is as it was, and not known to be Ready, where that is gone', async () => {
    const stale = 'flux-operator does not run: this is the state that it last reported (no problem of its own)'
    expect(await problemOf(condition('True', 2), [], 'flux-operator')).toEqual(['warn', [stale]])
    expect(await problemOf(condition('True', 2), [operatorPod])).toEqual(['ok', []])
  })
  test('is failing where that runs, and where it was failing before', async () => {
    expect(await problemOf(unseen, [operatorPod])).toEqual(['fail', ['the operator has not observed generation 2 (FluxInstance failing)']])
    expect(await problemOf(begun, [operatorPod])).toEqual([
      'fail',
      ['still Progressing: Reconciliation in progress (FluxInstance failing)'],
    ])
    expect(await problemOf(condition('False', 2), [])).toEqual(['fail', ['Progressing: Reconciliation in progress (FluxInstance failing)']])
  })
})

test('a FluxInstance that does not exist, without a HelmRelease either: the next command does not ask for what cannot exist', async () => {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: () => Promise.resolve(undefined),
  }
  const options = {
    cluster,
    kubectl: 'kubectl',
    where: '--lab',
    login: { kind: 'none' } as const,
    folder: () => '',
    monitoring: undefined,
    now,
  }
  const own = {
    installed: () => Promise.resolve(keptByOperator),
    instance: () => Promise.resolve(undefined),
    namespace: () => Promise.resolve('flux-system'),
  }
  expect(await instanceProbe.check({ ...createSnapshot(options), ...own })).toMatchObject({
    state: 'fail',
    objects: [{ object: 'FluxInstance flux-system/flux', next: 'npx zx scripts/recover.ts --lab' }],
  })
})

test('a Secret that is being deleted is not a Secret that Flux can do with', async () => {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const metadata = { name: 'flux-git', namespace: 'flux-system', deletionTimestamp: ago(5), finalizers: ['example.com/held'] }
  const cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    collection: () => Promise.resolve('/api/v1/secrets?'),
    read: () => Promise.resolve({ metadata: {}, items: [{ metadata }] }),
  }
  const source = parseFluxObject(
    { metadata: { namespace: 'flux-system', name: 'flux-system' }, spec: { secretRef: { name: 'flux-git' } } },
    fluxKinds.gitRepository,
    true,
  )
  const options = { cluster, kubectl: 'kubectl', where: '--lab', login: { kind: 'none' } as const, folder: () => '', monitoring: undefined }
  const found = await secrets.check({
    ...createSnapshot(options),
    instance: () => Promise.resolve(undefined),
    objects: () => Promise.resolve({ all: [source], byName: new Map(), kinds: new Set() }),
  })
  expect(found).toMatchObject({
    state: 'fail',
    objects: [
      { object: 'Secret flux-system/flux-git', reason: expect.stringContaining(`is being deleted since ${ago(5)}; `), since: ago(5) },
    ],
  })
})
