import { expect, test } from 'vitest'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { getMetadata } from '../../../lib/kubernetes/metadata.ts'
import { kinds } from '../../../lib/kubernetes/objects.ts'

const asked: string[] = []
const endpoint = {
  origin: 'http://localhost',
  now: () => Date.now(),
  exchange({ path }: { path: string }): Promise<never> {
    asked.push(path)
    return Promise.reject(new Error('asked'))
  },
  close: () => undefined,
  closed: new AbortController().signal,
}
const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
const cluster = clusterAt(endpoint, patience, new AbortController().signal)

// A tenant's secretRef, sourceRef and ownerReferences hold any text: an object of such a name does not exist, and no other path is asked for.
test.each(['', '.', '..', '../../nodes', 'a%2f..'])('an object of the name "%s" does not exist', async (name) => {
  expect(await cluster.get({ ...kinds.secret, namespace: 'shop', name })).toBeUndefined()
  expect(await cluster.get({ ...kinds.secret, namespace: name, name: 'login' })).toBeUndefined()
  expect(await cluster.get({ ...kinds.namespace, name })).toBeUndefined()
  expect(await getMetadata(cluster, { ...kinds.secret, namespace: 'shop', name })).toBeUndefined()
  expect(await cluster.list(kinds.secret, { namespace: name })).toEqual([])
  expect(asked).toEqual([])
})

test.each(['../../api/v1', 'v1?watch=true', '..', '../v1', 'apps/v1/../..', ''])(
  'a kind of the version "%s" is not served',
  async (apiVersion) => {
    expect(await cluster.get({ apiVersion, kind: 'GitRepository', namespace: 'shop', name: 'x' })).toBeUndefined()
    expect(await cluster.list({ apiVersion, kind: 'GitRepository' })).toEqual([])
    expect(asked).toEqual([])
  },
)

test('all others are asked for', async () => {
  await expect(cluster.get({ apiVersion: 'source.example.com/v1beta2', kind: 'A', name: 'x' })).rejects.toThrow('asked')
  await expect(cluster.get({ ...kinds.secret, namespace: 'shop', name: 'system:a' })).rejects.toThrow('asked')
  expect(asked).toEqual(['/apis/source.example.com/v1beta2', '/api/v1/namespaces/shop/secrets/system%3Aa'])
})
