import { expect, test } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { verifyUnlocked } from '../../../lib/runner/lock.ts'

/** What the check says where the API answers a dry run of the lock so. */
async function reported(refusal: ApiError | undefined, lease?: object): Promise<{ asked: unknown[]; said: unknown }> {
  const asked: unknown[] = []
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster: Cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: () => Promise.resolve(lease === undefined ? undefined : parseObject(lease)),
    create(_object, _subresource, options) {
      asked.push(options)
      return refusal === undefined ? Promise.resolve({}) : Promise.reject(refusal)
    },
  }
  const said: unknown = await verifyUnlocked(cluster, 'kube-system', 'ann@desk run').then(
    () => 'fine',
    (error: unknown) => error,
  )
  return { asked, said }
}

const policy = `leases.coordination.k8s.io "flux-runbook" is forbidden: ValidatingAdmissionPolicy 'closed' with binding 'closed' denied request: no`

test('a lock that admission refuses is found in a dry run', async () => {
  const { asked, said } = await reported(new ApiError(403, 'Forbidden', policy))
  expect(asked).toEqual([{ dryRun: true }])
  expect(said).toMatchObject({
    kind: 'blocked',
    message: `the lock, Lease kube-system/flux-runbook, cannot be taken: ${policy}. Nothing was changed`,
    remedy: expect.stringContaining('LOCK_NAMESPACE'),
  })
  const missing = await reported(new ApiError(404, 'NotFound', 'namespaces "locks" not found'))
  expect(missing.said).toMatchObject({ kind: 'blocked' })
})

test.each<[string, ApiError | undefined]>([
  ['nothing stands in its way', undefined],
  ['the preflight names the right', new ApiError(403, 'Forbidden', 'User "ann" cannot create resource "leases" in API group "…"')],
  ['a webhook takes no dry runs', new ApiError(400, 'BadRequest', 'admission webhook "x" does not support dry run')],
  ['another was faster', new ApiError(409, 'AlreadyExists', 'already exists')],
])('a lock is let be where %s', async (_, refusal) => {
  expect((await reported(refusal)).said).toBe('fine')
})

test('a lock that is there needs no dry run', async () => {
  const lease = (renewTime: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'flux-runbook' },
    spec: { holderIdentity: 'bob@desk run', leaseDurationSeconds: 30, renewTime },
  })
  expect((await reported(undefined, lease('2020-01-01T00:00:00.000000Z'))).asked).toEqual([])
  expect((await reported(undefined, lease(new Date().toISOString()))).said).toMatchObject({ kind: 'locked' })
})
