import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { api } from '../../../lib/health/probes/api.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { findOlderData, recordDataVersion } from '../../../lib/runner/data-age.ts'
import { forgetCluster, knownCluster, recordCluster } from '../../../lib/runner/run-store.ts'
import { clusterOf } from '../fake-cluster.ts'
import { foundBy } from '../health/found-by.ts'

const context = 'infra'

/** A cluster whose data is of this version, and the folder of the runs that know it. */
function placeOf(runs: string, resourceVersion: string, uid = 'one'): Parameters<typeof findOlderData>[0] {
  const cluster = { ...clusterOf(() => []), read: () => Promise.resolve({ metadata: { resourceVersion }, items: [] }) }
  return { session: { cluster, cleanupClient: cluster, uid }, target: { runs, context } }
}

function runsFolder(): string {
  const runs = mkdtempSync(join(tmpdir(), 'frb-runs-'))
  onTestFinished(() => rmSync(runs, { recursive: true }))
  return runs
}

test('data that is older than when the last run ended is seen, of the same cluster alone, and until a run has ended on it', async () => {
  const runs = runsFolder()
  await recordDataVersion(placeOf(runs, '900'))
  expect(knownCluster(runs, context)).toBeUndefined() // nothing was ever changed there
  recordCluster(runs, context, { uid: 'one', server: 'https://infra' })
  expect(await findOlderData(placeOf(runs, '900'))).toBeUndefined()
  await recordDataVersion(placeOf(runs, '1000'))
  expect(knownCluster(runs, context)).toEqual({ uid: 'one', server: 'https://infra', dataVersion: '1000' })
  const seen = await Promise.all(['1000', '1001', '', 'opaque', '999'].map((now) => findOlderData(placeOf(runs, now))))
  expect(seen).toEqual([undefined, undefined, undefined, undefined, { now: '999', before: '1000' }])
  expect(await findOlderData(placeOf(runs, '999', 'another'))).toBeUndefined()
  await recordDataVersion(placeOf(runs, '999', 'another'))
  expect(knownCluster(runs, context)?.dataVersion).toBe('1000')
  await recordDataVersion(placeOf(runs, '999'))
  expect(await findOlderData(placeOf(runs, '999'))).toBeUndefined()
  await recordDataVersion(placeOf(runs, '2000'))
  forgetCluster(runs, context)
  expect(await findOlderData(placeOf(runs, '999'))).toBeUndefined()
})

test('who may not list namespaces does not hear of it, and any other failed look is a failure', async () => {
  const runs = runsFolder()
  recordCluster(runs, context, { uid: 'one', server: 'https://infra', dataVersion: '1000' })
  const refusing = (status: number): Parameters<typeof findOlderData>[0] => {
    const { session, target } = placeOf(runs, '999')
    const cluster = { ...session.cluster, read: () => Promise.reject(new ApiError(status, 'Refused', 'not now')) }
    return { session: { ...session, cluster }, target }
  }
  expect(await findOlderData(refusing(403))).toBeUndefined()
  await expect(findOlderData(refusing(500))).rejects.toThrow('not now')
})

test('health says that the cluster was restored, which is not a failure of Flux', async () => {
  const version = (): Promise<string> => Promise.resolve('v1.36.3')
  expect(await foundBy(api, [], { version })).toEqual({ state: 'ok', detail: 'Kubernetes v1.36.3' })
  const older = { now: '7', before: '9' }
  expect(await foundBy(api, [], { version, older: () => Promise.resolve(older) })).toMatchObject({
    state: 'warn',
    objects: [
      {
        object: 'API',
        reason: expect.stringMatching(/^has data of version 7, and had 9 .*: etcd was restored from an older backup; /),
        damage: 'data-older',
        next: 'npx zx scripts/recover.ts --context infra',
      },
    ],
  })
})
