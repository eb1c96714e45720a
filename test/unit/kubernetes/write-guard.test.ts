import { expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { withWriteGuard } from '../../../lib/kubernetes/write-guard.ts'

const object = parseObject({ ...kinds.namespace, metadata: { name: 'shop' } })
const ref = { ...kinds.namespace, name: 'shop' }

/** A cluster that takes every write; `written` are those that reached it. */
function clusterTaking(verify: () => Promise<void>): { cluster: Cluster; written: string[] } {
  const written: string[] = []
  const take = (name: string) => () => Promise.resolve(written.push(name)).then(() => object)
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    apply: take('apply'),
    patch: take('patch'),
    create: take('create'),
    replace: take('replace'),
    remove: () => Promise.resolve(void written.push('remove')),
  }
  return { cluster: withWriteGuard(cluster, verify), written }
}

test.each<[string, (cluster: Cluster) => Promise<unknown>]>([
  ['apply', ({ apply }) => apply(object)],
  ['patch', ({ patch }) => patch(ref, {})],
  ['create', ({ create }) => create(object)],
  ['replace', ({ replace }) => replace(object)],
  ['remove', ({ remove }) => remove(ref, { uid: 'one' })],
])('without the lock, no %s reaches the cluster', async (name, write) => {
  const lost = clusterTaking(() => Promise.reject(new Error('lost')))
  await expect(write(lost.cluster)).rejects.toThrow('lost')
  expect(lost.written).toEqual([])
  const held = clusterTaking(() => Promise.resolve())
  await write(held.cluster)
  expect(held.written).toEqual([name])
})

test('each write asks again, and those that wait at the same time ask once', async () => {
  let asked = 0
  const { cluster } = clusterTaking(() => Promise.resolve(void asked++))
  for (let write = 0; write < 3; write++) await cluster.apply(object)
  expect(asked).toBe(3)
  await Promise.all(Array.from({ length: 30 }, () => cluster.apply(object)))
  expect(asked).toBe(5)
})
