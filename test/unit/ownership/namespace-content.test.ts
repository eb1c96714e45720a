import { describe, expect, test } from 'vitest'
import { startNamespaceDeletion } from '../../../lib/commands/teardown/steps/delete-namespace.ts'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { type KubeObject, kinds, nameOf, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { readNamespace } from '../../../lib/ownership/namespace-content.ts'
import type { RunState } from '../../../lib/runner/run-state.ts'
import { stage } from '../run-stage.ts'

const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
const database = { apiVersion: 'example.com/v1', kind: 'Database' }
const plurals: Readonly<Record<string, string>> = { PersistentVolumeClaim: 'persistentvolumeclaims', Pod: 'pods' }

/** A namespace that holds these, in a cluster whose databases are of no namespace, and whose `stale` API's server does not answer. */
function clusterHolding(objects: readonly KubeObject[], unlisted: readonly KubeObject[] = [], stale?: string): Cluster {
  const { signal } = new AbortController()
  const none = clusterAt(socketEndpoint('/nowhere'), { milliseconds: 0, trouble: () => undefined, over: () => undefined }, signal)
  const resource = (kind: string) => ({
    resource: plurals[kind] ?? '',
    responseKind: { kind },
    scope: 'Namespaced',
    verbs: ['list'],
  })
  return {
    ...none,
    list: () => Promise.resolve([]),
    get: (ref) => Promise.resolve(parseObject({ ...kinds.namespace, metadata: { name: ref.name, uid: 'namespace' } })),
    isNamespaced: ({ kind }) =>
      kind === 'Gone' ? Promise.reject(new ApiError(404, 'NotFound', 'no such kind')) : Promise.resolve(kind !== database.kind),
    collection: ({ kind }) => Promise.resolve(`/api/v1/namespaces/flux-system/${plurals[kind] ?? ''}?`),
    read(path) {
      if (path === '/api')
        return Promise.resolve({
          kind: 'APIGroupDiscoveryList',
          items: [{ versions: [{ version: 'v1', resources: [resource('PersistentVolumeClaim'), resource('Pod')] }] }],
        })
      const versions = [{ version: 'v1', freshness: 'Stale' }]
      const items = stale === undefined ? [] : [{ metadata: { name: stale }, versions }]
      if (path === '/apis') return Promise.resolve({ kind: 'APIGroupDiscoveryList', items })
      const [, plural = '', name] = /namespaces\/flux-system\/(\w+)(?:\/(\w+))?/.exec(path) ?? []
      if (name === undefined) return Promise.resolve({ metadata: {}, items: objects.filter(({ kind }) => plurals[kind] === plural) })
      const found = [...objects, ...unlisted].find((one) => one.metadata.name === name)
      return found === undefined ? Promise.reject(new ApiError(404, 'NotFound', name)) : Promise.resolve(found)
    },
  }
}

const object = (kind: typeof claim, name: string, owner?: { apiVersion: string; kind: string; uid: string }): KubeObject =>
  parseObject({
    ...kind,
    metadata: {
      name,
      namespace: 'flux-system',
      uid: `uid-${name}`,
      ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, name: owner.uid.replace('uid-', '') }] }),
    },
  })

const othersIn = async (cluster: Cluster): Promise<string[]> => (await readNamespace(cluster, 'flux-system', [])).others.map(nameOf)

describe('an object with an owner', () => {
  test('of no namespace stands for itself, as one does whose owner is of a kind that is gone', async () => {
    const claims = [
      object(claim, 'data', { ...database, uid: 'uid-db' }),
      object(claim, 'old', { ...database, kind: 'Gone', uid: 'uid-x' }),
    ]
    expect(await othersIn(clusterHolding(claims))).toEqual([
      'PersistentVolumeClaim flux-system/data',
      'PersistentVolumeClaim flux-system/old',
    ])
  })

  test('beside it comes and goes with that, listed or made meanwhile', async () => {
    const owner = object(kinds.pod, 'web')
    const late = object(kinds.pod, 'late')
    const claims = [object(claim, 'one', { ...kinds.pod, uid: 'uid-web' }), object(claim, 'two', { ...kinds.pod, uid: 'uid-late' })]
    expect(await othersIn(clusterHolding([owner, ...claims], [late]))).toEqual(['Pod flux-system/web'])
  })

  test('that has the name of another stands for itself', async () => {
    const claims = [object(kinds.pod, 'web'), object(claim, 'one', { ...kinds.pod, uid: 'web' })]
    expect(await othersIn(clusterHolding(claims))).toEqual(['PersistentVolumeClaim flux-system/one', 'Pod flux-system/web'])
  })
})

describe('right before the namespace is deleted', () => {
  const readWith = (notes: Readonly<Record<string, unknown>>, cluster = clusterHolding([object(claim, 'late')])) => {
    const memory: RunState = { read: () => notes, write: () => undefined, folder: () => '' }
    const { run } = stage([], 'dry-run')
    return startNamespaceDeletion('flux-system', []).check({ ...run, cluster, memory })
  }
  const captured = (...carries: readonly string[]) => ({ capture: { file: '/f', checksum: 'x', holds: 'y', carries } })

  test('what came into it since the capture blocks', async () => {
    expect(await readWith(captured())).toEqual({
      is: 'blocked',
      reason:
        "the namespace flux-system contains objects that are not Flux's and would be deleted with it: PersistentVolumeClaim flux-system/late",
      remedy: 'keep the namespace with --keep-namespace, or move them elsewhere first',
    })
  })
  test('what the capture carries does not; before it is made preflight has judged', async () => {
    expect(await readWith(captured(' PersistentVolumeClaim flux-system/late'))).toMatchObject({ is: 'todo' })
    expect(await readWith({})).toMatchObject({ is: 'todo' })
  })
  test('what cannot be seen any more blocks', async () => {
    expect(await readWith(captured(), clusterHolding([], [], 'metrics.example.com'))).toMatchObject({
      is: 'blocked',
      reason: 'whether flux-system contains objects of these kinds is not known, because their API does not answer: metrics.example.com/v1',
    })
  })
  test('and no other of its name is', async () => {
    const removed: unknown[] = []
    const cluster: Cluster = { ...clusterHolding([]), remove: (...asked) => Promise.resolve(void removed.push(asked)) }
    const { run } = stage([], 'dry-run')
    await startNamespaceDeletion('flux-system', []).apply({ ...run, cluster }, () => undefined)
    expect(removed).toEqual([[{ ...kinds.namespace, name: 'flux-system' }, { uid: 'namespace' }]])
  })
})
