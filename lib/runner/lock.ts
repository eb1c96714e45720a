import { hostname, userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { type Cluster, isConflict } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/http.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../kubernetes/objects.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { isRunning, thisProcess } from '../process/process-start.ts'

const leaseName = 'flux-runbook'
const phaseAnnotation = 'flux-runbook/phase'
/** Which process of the run holds it: a run may be resumed twice at once. */
const processAnnotation = 'flux-runbook/process'
/** A holder that has not renewed for this long has lost the lock. */
const leaseSeconds = 30
const renewMilliseconds = 8_000
/** How long a step waits until the Lease names it, in milliseconds. */
const phaseWithin = 5_000

const leaseSchema = v.object({
  spec: v.object({
    holderIdentity: v.nullish(v.string(), ''),
    leaseDurationSeconds: v.nullish(v.number(), leaseSeconds),
    renewTime: v.nullish(v.string()),
  }),
})

export interface Lock {
  /** Throws where the lock is not ours any more; asks the API by this way to the cluster, so it is true now. */
  readonly verifyHeld: (cluster: Cluster) => Promise<void>
  /** Tells others what is being done; the Lease says so when it resolves, if the API answers. */
  readonly setPhase: (phase: string) => Promise<void>
  readonly release: () => Promise<void>
}

/** Who holds a cluster's lock. */
export interface LockHolder {
  /** `user@host RUN` */
  readonly holder: string
  readonly runId: string
  readonly phase: string
}

/** Who holds the lock now; undefined where nobody does, or it cannot be read. */
export async function readHolder(cluster: Cluster, namespace: string): Promise<LockHolder | undefined> {
  const lease = await cluster.get(leaseRef(namespace)).catch(() => {
    cluster.signal.throwIfAborted()
    return undefined // what changes something asks again, and is not content with that
  })
  if (lease === undefined || !isHeld(lease, '')) return undefined
  const holder = holderIn(lease)
  return { holder, runId: holder.split(' ').at(-1) ?? '', phase: phaseIn(lease) }
}

/** `user@host RUN`: who holds the lock. */
export function holderOf(runId: string): string {
  return `${userInfo().username}@${hostname()} ${runId}`
}

/**
 * Throws OperatorError `locked` when another run holds the cluster, and `blocked` where the lock could not be taken: what admission says to
 * that is asked in a dry run, before anyone consents to anything.
 * @param cluster the cluster, not withWriteGuard by the lock itself
 */
export async function verifyUnlocked(cluster: Cluster, namespace: string, holder: string): Promise<void> {
  const lease = await cluster.get(leaseRef(namespace)).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined // the preflight names all rights that are missing
    throw error
  })
  if (lease === undefined) await verifyTakeable(cluster, leaseRef(namespace), holder)
  else if (isHeld(lease, holder) && !isAhead(lease)) throw lockedBy(lease)
}

async function verifyTakeable(cluster: Cluster, ref: Ref, holder: string): Promise<void> {
  try {
    await cluster.create(leaseOf(ref, holder, 'starting'), undefined, { dryRun: true })
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0) throw error
    const isUnaskable = /dry ?run/i.test(error.message) // by a webhook that was not made for it
    const isRight = error.status === 403 && / cannot create resource /.test(error.message) // the preflight names all that are missing
    if (isConflict(error) || isUnaskable || isRight) return
    throw untakeable(ref, error)
  }
}

/** As on AKS Automatic and GKE Autopilot, where kube-system is closed. */
function untakeable({ namespace }: Ref, cause: unknown): OperatorError {
  return new OperatorError(`the lock, Lease ${namespace}/${leaseName}, cannot be taken: ${messageOf(cause)}. Nothing was changed`, {
    kind: 'blocked',
    remedy: 'name another namespace in LOCK_NAMESPACE (.env.example), the same for everyone who works on this cluster',
    cause,
  })
}

/**
 * Takes the cluster's lock and renews it until it is released. A lease that expired is taken over only after it was seen not to be
 * renewed for a while: the holder's clock may be wrong. One that is ahead is watched for as long as a lease lasts.
 * @param cleanupClient the same cluster, for keeping the lock, and giving it back, although the run was cancelled
 * @throws OperatorError `locked` naming the holder and its phase
 */
export async function acquireLock(cluster: Cluster, cleanupClient: Cluster, namespace: string, holder: string): Promise<Lock> {
  const ref = leaseRef(namespace)
  let phase = 'starting'
  let ours = await take(cluster, ref, holder, phase)
  let lost: string | undefined

  const renew = async (): Promise<void> => {
    try {
      ours = await cleanupClient.replace(leaseOf(ref, holder, phase, ours))
    } catch (error) {
      if (!isConflict(error)) return // unreachable: verifyHeld asks before every write
      const now = await cleanupClient.get(ref)
      if (now === undefined || !isOwn(now, holder)) {
        lost = now === undefined ? '' : describeHolder(now, holder)
        return
      }
      ours = now
      if (phaseIn(now) !== phase) await renew() // another renewal of ours came first, with the phase of then
    }
  }
  const timer = setInterval(() => void renew().catch(() => undefined), renewMilliseconds)
  timer.unref()

  return {
    async verifyHeld(by) {
      const now = await by.get(ref)
      if (now !== undefined && isOwn(now, holder) && lost === undefined) return
      const other = lost ?? (now === undefined ? '' : describeHolder(now, holder))
      const what = other === '' ? 'is gone, someone has deleted it' : `was lost to ${other}`
      throw new OperatorError(`the lock of this cluster ${what}; nothing more was changed`, {
        remedy: 'check what others are doing there; to continue from here: --resume',
      })
    },
    setPhase(next) {
      phase = next
      // Where it fails, the next renewal tells it as well; an API that does not answer holds up no step.
      return Promise.race([renew().catch(() => undefined), pause(phaseWithin, undefined, { ref: false })])
    },
    async release() {
      clearInterval(timer)
      const now = await cleanupClient.get(ref)
      if (now?.metadata.uid === undefined || !isOwn(now, holder)) return
      await cleanupClient.remove(ref, { uid: now.metadata.uid })
    },
  }
}

async function take(cluster: Cluster, ref: Ref, holder: string, phase: string): Promise<KubeObject> {
  const there = await cluster.get(ref)
  if (there === undefined) {
    await cluster.create(leaseOf(ref, holder, phase)).catch((error: unknown) => {
      if (!isConflict(error)) throw untakeable(ref, error)
    })
    const created = await cluster.get(ref)
    if (created !== undefined && isOwn(created, holder)) return created
    throw lockedBy(created)
  }
  if (isHeld(there, holder) && !isAhead(there)) throw lockedBy(there)
  if (!isOwn(there, holder) && !isLeftBy(there, holder)) {
    await pause(isAhead(there) ? leaseSeconds * 1000 : renewMilliseconds * 1.5, undefined, { signal: cluster.signal })
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
      annotations: { [phaseAnnotation]: phase, [processAnnotation]: thisProcess },
      finalizers: [],
      managedFields: [],
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: leaseSeconds, renewTime: now },
  }
}

function specOf(lease: KubeObject): v.InferOutput<typeof leaseSchema>['spec'] {
  const read = v.safeParse(leaseSchema, lease)
  if (read.success) return read.output.spec
  throw new OperatorError(`${nameOf(refOf(lease))}, the lock of this cluster, is not valid: ${v.summarize(read.issues)}`, {
    kind: 'blocked',
    remedy: `kubectl --namespace ${lease.metadata.namespace} get lease ${leaseName} --output yaml; if no run holds it: kubectl --namespace ${lease.metadata.namespace} delete lease ${leaseName}`,
  })
}

function holderIn(lease: KubeObject): string {
  return specOf(lease).holderIdentity
}

/** That this process holds it, for this run. */
function isOwn(lease: KubeObject, holder: string): boolean {
  return holderIn(lease) === holder && lease.metadata.annotations[processAnnotation] === thisProcess
}

/** That the same run, whose holder names this machine, has left it behind: its process has ended. */
function isLeftBy(lease: KubeObject, holder: string): boolean {
  return holderIn(lease) === holder && !isRunning(lease.metadata.annotations[processAnnotation] ?? '')
}

function describeHolder(lease: KubeObject, holder: string): string {
  return holderIn(lease) === holder ? `another process of the same run, ${holder}` : holderIn(lease)
}

function phaseIn({ metadata }: KubeObject): string {
  return metadata.annotations[phaseAnnotation] ?? 'unknown'
}

function isHeld(lease: KubeObject, by: string): boolean {
  const { holderIdentity, leaseDurationSeconds, renewTime } = specOf(lease)
  if (holderIdentity === '' || renewTime === undefined || renewTime === null || isOwn(lease, by) || isLeftBy(lease, by)) return false
  return Date.parse(renewTime) + leaseDurationSeconds * 1000 > Date.now()
}

/** Renewed in a future that no clock but a wrong one tells: by the clock it would be held for as long, though its holder may be dead. */
function isAhead(lease: KubeObject): boolean {
  return Date.parse(specOf(lease).renewTime ?? '') > Date.now() + leaseSeconds * 1000
}

function lockedBy(lease: KubeObject | undefined): OperatorError {
  const holder = lease === undefined ? 'another run' : holderIn(lease)
  const phase = lease === undefined ? 'unknown' : phaseIn(lease)
  return new OperatorError(`${holder} holds the lock of this cluster, in phase: ${phase}. Nothing was changed`, {
    kind: 'locked',
    remedy: `wait for it to end; its lock expires ${leaseSeconds} s after it dies`,
  })
}
