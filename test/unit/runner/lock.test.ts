import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { kinds, type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { nonceOf } from '../../../lib/process/process-start.ts'
import { acquireLock, holderOf, verifyUnlocked } from '../../../lib/runner/lock.ts'

const holder = holderOf('20261128T000000000Z-teardown')
/** One that lives, and is not this one. */
const other = nonceOf(process.ppid) ?? ''

/** A cluster that holds one Lease, and keeps the promise of its resourceVersion. */
function clusterWith(first?: KubeObject): { cluster: Cluster; lease: () => KubeObject | undefined; put: (object: KubeObject) => void } {
  let lease: KubeObject | undefined
  let version = 0
  const put = (object: KubeObject): KubeObject => {
    version += 1
    lease = { ...object, metadata: { ...object.metadata, uid: 'one', resourceVersion: String(version) } }
    return lease
  }
  if (first !== undefined) put(first)
  const none = clusterAt(
    socketEndpoint('/nowhere'),
    { milliseconds: 0, trouble: () => undefined, over: () => undefined },
    new AbortController().signal,
  )
  const conflict = (): never => {
    throw new ApiError(409, 'Conflict', 'it has moved')
  }
  const cluster: Cluster = {
    ...none,
    get: () => Promise.resolve(lease),
    create: (object) => Promise.resolve().then(() => (lease === undefined ? put(object) : conflict())),
    replace: (object) =>
      Promise.resolve().then(() => (object.metadata.resourceVersion === lease?.metadata.resourceVersion ? put(object) : conflict())),
    remove: () => Promise.resolve(void (lease = undefined)),
  }
  return { cluster, lease: () => lease, put }
}

const heldBy = (identity: string, process: string | undefined, renewed = new Date()): KubeObject =>
  parseObject({
    ...kinds.lease,
    metadata: {
      name: 'flux-runbook',
      namespace: 'kube-system',
      annotations: { 'flux-runbook/phase': 'Install Flux', ...(process === undefined ? {} : { 'flux-runbook/process': process }) },
    },
    spec: { holderIdentity: identity, leaseDurationSeconds: 30, renewTime: renewed.toISOString() },
  })

const take = (cluster: Cluster) => acquireLock(cluster, cluster, 'kube-system', holder)

describe('the lock of a run that is resumed', () => {
  test.each([
    ['its process is dead', '1-000000000000'],
    ['an earlier version named no process', undefined],
  ])('is taken over at once where %s', async (_, left) => {
    const { cluster, lease } = clusterWith(heldBy(holder, left))
    await verifyUnlocked(cluster, 'kube-system', holder)
    const lock = await take(cluster)
    expect(lease()?.metadata.annotations['flux-runbook/process']).toBe(nonceOf(process.pid))
    await lock.verifyHeld(cluster)
    await lock.release()
    expect(lease()).toBeUndefined()
  })

  test('is not taken from another process that has resumed it', async () => {
    const { cluster, lease } = clusterWith(heldBy(holder, other))
    const refused = { kind: 'locked', message: `${holder} holds the lock of this cluster, in phase: Install Flux. Nothing was changed` }
    await expect(verifyUnlocked(cluster, 'kube-system', holder)).rejects.toMatchObject(refused)
    await expect(take(cluster)).rejects.toMatchObject(refused)
    expect(lease()?.metadata.annotations['flux-runbook/process']).toBe(other)
  })

  test('is not taken where the other came first by a moment', async () => {
    const { cluster, put } = clusterWith()
    const late: Cluster = {
      ...cluster,
      create(object) {
        put(heldBy(holder, other))
        return cluster.create(object)
      },
    }
    await expect(take(late)).rejects.toMatchObject({ kind: 'locked' })
    const left = clusterWith(heldBy(holder, '1-000000000000'))
    const later: Cluster = {
      ...left.cluster,
      replace(object) {
        left.put(heldBy(holder, other))
        return left.cluster.replace(object)
      },
    }
    await expect(take(later)).rejects.toMatchObject({ kind: 'locked' })
  })

  test('is lost to another process of the run, and not given back by this one', async () => {
    const { cluster, lease, put } = clusterWith()
    const lock = await take(cluster)
    put(heldBy(holder, other))
    await expect(lock.verifyHeld(cluster)).rejects.toThrow(
      `the lock of this cluster was lost to another process of the same run, ${holder}`,
    )
    await lock.release()
    expect(lease()).toBeDefined()
  })

  test('stays lost, once a renewal has seen that it is', async () => {
    const { cluster, lease, put } = clusterWith()
    const lock = await take(cluster)
    const own = lease()
    put(heldBy(holder, other))
    await lock.setPhase('Verify Flux')
    if (own !== undefined) put(own)
    await expect(lock.verifyHeld(cluster)).rejects.toThrow('the lock of this cluster was lost to another process of the same run')
  })
})

describe('a lock that has expired', () => {
  test.each([
    ['taken where nobody renews it while it is watched', false],
    ['left to a holder who renews it while it is watched', true],
  ])('is %s', async (_, isRenewed) => {
    const expired = heldBy('ann@desk run', undefined, new Date(Date.now() - 60_000))
    const { cluster, lease, put } = clusterWith(expired)
    vi.resetModules() // another file may have loaded it with real pauses
    vi.doMock('node:timers/promises', () => ({ setTimeout: () => Promise.resolve(isRenewed ? put(expired) : undefined) }))
    onTestFinished(() => {
      vi.doUnmock('node:timers/promises')
      vi.resetModules()
    })
    const { acquireLock: acquire } = await import('../../../lib/runner/lock.ts')
    const taking = acquire(cluster, cluster, 'kube-system', holder)
    if (isRenewed) await expect(taking).rejects.toMatchObject({ kind: 'locked', message: expect.stringContaining('ann@desk run') })
    else await (await taking).verifyHeld(cluster)
    expect(lease()?.spec).toMatchObject({ holderIdentity: isRenewed ? 'ann@desk run' : holder })
  })
})

describe('the phase', () => {
  test('is on the Lease when the run is asked so, though a renewal is under way', async () => {
    const { cluster, lease } = clusterWith()
    const lock = await take(cluster)
    await Promise.all([lock.setPhase('Install Flux'), lock.setPhase('Verify Flux')])
    expect(lease()?.metadata.annotations['flux-runbook/phase']).toBe('Verify Flux')
    await lock.release()
  })
})

describe('the lock of a holder whose clock is ahead', () => {
  const ahead = (milliseconds: number): KubeObject => heldBy('ann@desk run', undefined, new Date(Date.now() + milliseconds))

  test('is believed where it would expire soon by this clock too', async () => {
    const { cluster } = clusterWith(ahead(20_000))
    await expect(verifyUnlocked(cluster, 'kube-system', holder)).rejects.toMatchObject({ kind: 'locked' })
    await expect(take(cluster)).rejects.toMatchObject({ kind: 'locked' })
  })
  test('is not believed for an hour, but watched before it is taken', async () => {
    const { cluster, lease } = clusterWith(ahead(3_600_000))
    await verifyUnlocked(cluster, 'kube-system', holder)
    const cancelled = new AbortController()
    const taking = take({ ...cluster, signal: cancelled.signal })
    cancelled.abort()
    await expect(taking).rejects.toMatchObject({ name: 'AbortError' })
    expect(lease()?.spec).toMatchObject({ holderIdentity: 'ann@desk run' })
  })
})
