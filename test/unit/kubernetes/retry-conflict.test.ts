import { expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { heldOf } from '../../../lib/flux/held-objects.ts'
import { removeFinalizers } from '../../../lib/commands/teardown/steps/finalizers.ts'

const own = 'finalizers.fluxcd.io'

/** A cluster in which another writes to the object before each of the first `times` patches. Says what is patched. */
function contested(times: number): { cluster: Cluster; story: unknown[]; run: (timeout: number) => Promise<void> } {
  let version = 1
  const object = (finalizers: readonly string[]) =>
    parseObject({
      ...fluxKinds.gitRepository,
      metadata: { namespace: 'apps', name: 'shop', resourceVersion: String(version), finalizers },
    })
  const first = object([own])
  const story: unknown[] = []
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    collection: () => Promise.resolve('/apis/x?'),
    read: () => Promise.resolve(object([own, 'example.com/billing'])),
    patch(_, patch) {
      if (version <= times) {
        version += 1
        return Promise.reject(new ApiError(409, 'Conflict', 'the object has been modified'))
      }
      story.push(patch)
      return Promise.resolve(first)
    },
  }
  return { cluster, story, run: (timeout) => removeFinalizers(cluster, heldOf(first), timeout) }
}

test('an object that another writes to meanwhile is checked again, and keeps the finalizer that came', async () => {
  const { story, run } = contested(2)
  await run(60_000)
  expect(story).toEqual([{ metadata: { resourceVersion: '3', finalizers: ['example.com/billing'] } }])
})

test('but not forever: it is named, and who writes is to be looked for', async () => {
  await expect(contested(Infinity).run(30)).rejects.toMatchObject({
    message: expect.stringContaining(
      "gave up trying to remove Flux's finalizers from GitRepository apps/shop: another client changed it each time, for 0.0 s",
    ),
    remedy: 'find out who, in its metadata.managedFields; then: --resume',
  })
})
