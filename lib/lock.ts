import { hostname, userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { type Cluster, isConflict } from './cluster/cluster.ts'
import { ApiError } from './cluster/http.ts'
import { kinds, type KubeObject, type Ref } from './cluster/objects.ts'
import { messageOf, OperatorError } from './errors.ts'

const leaseName = 'flux-runbook'
const phaseAnnotation = 'flux-runbook/phase'
/** A holder that has not renewed for this long has lost the lock. */
const leaseSeconds = 30
const renewMilliseconds = 8_000

const leaseSchema = v.object({
  spec: v.object({
    holderIdentity: v.optional(v.string(), ''),
    leaseDurationSeconds: v.optional(v.number(), leaseSeconds),
    renewTime: v.optional(v.string()),
  }),
})

export interface Lock {
  /** Throws where the lock is not ours any more; asks the API by this way to the cluster, so it is true now. */
  readonly verifyHeld: (cluster: Cluster) => Promise<void>
  /** Tells others what is being done. */
  readonly setPhase: (phase: string) => void
  readonly release: () => Promise<void>
}

/** `user@host RUN`: who holds the lock. */
export function holderOf(runId: string): string {
  return `${userInfo().username}@${hostname()} ${runId}`
}

/**
 * Throws OperatorError `locked` when another run holds the cluster; reads only.
 * @param cluster the cluster, not guarded by the lock itself
 */
export async function verifyUnlocked(cluster: Cluster, namespace: string, holder: string): Promise<void> {
  const lease = await cluster.get(leaseRef(namespace)).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined // the preflight names all rights that are missing
    throw error
  })
  if (lease !== undefined && isHeld(lease, holder)) throw lockedBy(lease)
}

/**
 * Takes the cluster's lock and renews it until it is released. A lease that lapsed is taken over only after it was seen not to be
 * renewed for a while: the holder's clock may be wrong.
 * @param parting the same cluster, for keeping the lock, and giving it back, although the run was cancelled
 * @throws OperatorError `locked` naming the holder and its phase
 */
export async function acquireLock(cluster: Cluster, parting: Cluster, namespace: string, holder: string): Promise<Lock> {
  const ref = leaseRef(namespace)
  let phase = 'starting'
  let ours = await take(cluster, ref, holder, phase)
  let lost: string | undefined

  const renew = async (): Promise<void> => {
    try {
      ours = await parting.replace(leaseOf(ref, holder, phase, ours))
    } catch (error) {
      if (!isConflict(error)) return // unreachable: verifyHeld asks before every write
      const now = await parting.get(ref)
      if (now === undefined || v.parse(leaseSchema, now).spec.holderIdentity !== holder) lost = now === undefined ? '' : holderIn(now)
      else ours = now
    }
  }
  const timer = setInterval(() => void renew().catch(() => undefined), renewMilliseconds)
  timer.unref()

  return {
    async verifyHeld(by) {
      const now = await by.get(ref)
      if (now !== undefined && holderIn(now) === holder && lost === undefined) return
      const other = lost ?? (now === undefined ? '' : holderIn(now))
      const what = other === '' ? 'is gone, somebody has deleted it' : `was lost to ${other}`
      throw new OperatorError(`the lock of this cluster ${what}; nothing more was changed`, {
        remedy: 'see what others do there, then run the same command again to go on from here',
      })
    },
    setPhase(next) {
      phase = next
      void renew().catch(() => undefined) // the next renewal tells it as well
    },
    async release() {
      clearInterval(timer)
      const now = await parting.get(ref)
      if (now?.metadata.uid === undefined || holderIn(now) !== holder) return
      await parting.remove(ref, { uid: now.metadata.uid })
    },
  }
}

async function take(cluster: Cluster, ref: Ref, holder: string, phase: string): Promise<KubeObject> {
  const there = await cluster.get(ref)
  if (there === undefined) {
    await cluster.create(leaseOf(ref, holder, phase)).catch((error: unknown) => {
      if (!isConflict(error)) throw new OperatorError(`the lock cannot be taken: ${messageOf(error)}`, { kind: 'blocked', cause: error })
    })
    const created = await cluster.get(ref)
    if (created !== undefined && holderIn(created) === holder) return created
    throw lockedBy(created)
  }
  if (isHeld(there, holder)) throw lockedBy(there)
  if (holderIn(there) !== holder) {
    await pause(renewMilliseconds * 1.5, undefined, { signal: cluster.signal })
    const still = await cluster.get(ref)
    if (still !== undefined && still.metadata.resourceVersion !== there.metadata.resourceVersion) throw lockedBy(still)
  }
  try {
    return await cluster.replace(leaseOf(ref, holder, phase, there))
  } catch (error) {
    if (isConflict(error)) throw lockedBy(await cluster.get(ref))
    throw error
  }
}

function leaseRef(namespace: string): Ref {
  return { ...kinds.lease, namespace, name: leaseName }
}

function leaseOf(ref: Ref, holder: string, phase: string, from?: KubeObject): KubeObject {
  const now = new Date().toISOString().replace('Z', '000Z') // MicroTime
  return {
    ...kinds.lease,
    metadata: {
      name: ref.name,
      ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
      ...(from?.metadata.resourceVersion === undefined ? {} : { resourceVersion: from.metadata.resourceVersion }),
      labels: {},
      annotations: { [phaseAnnotation]: phase },
      finalizers: [],
      managedFields: [],
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: leaseSeconds, renewTime: now },
  }
}

function holderIn(lease: KubeObject): string {
  return v.parse(leaseSchema, lease).spec.holderIdentity
}

function isHeld(lease: KubeObject, by: string): boolean {
  const { holderIdentity, leaseDurationSeconds, renewTime } = v.parse(leaseSchema, lease).spec
  if (holderIdentity === '' || holderIdentity === by || renewTime === undefined) return false
  return Date.parse(renewTime) + leaseDurationSeconds * 1000 > Date.now()
}

function lockedBy(lease: KubeObject | undefined): OperatorError {
  const holder = lease === undefined ? 'another run' : holderIn(lease)
  const phase = lease?.metadata.annotations[phaseAnnotation] ?? 'an unknown phase'
  return new OperatorError(`${holder} holds the lock of this cluster, in phase: ${phase}. Nothing was changed`, {
    kind: 'locked',
    remedy: `wait for it to end; its lock lapses ${leaseSeconds} s after it dies`,
  })
}
