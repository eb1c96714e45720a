import { readFileSync } from 'node:fs'
import { putFile } from '../base/write-atomic.ts'
import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { metadataPages } from '../kubernetes/metadata.ts'
import { type Kind, kinds, type KubeObject } from '../kubernetes/objects.ts'
import { ownersOf } from '../kubernetes/owners.ts'
import { inParallel } from '../base/parallel.ts'
import { podPages } from './pod-table.ts'

const trackedSchema = v.object({
  /** `Deployment shop/cart` */
  name: v.string(),
  uid: v.string(),
  generation: v.number(),
  /** Belongs to another object, which may replace it at any time. */
  isOwned: v.boolean(),
  /** A Job that has ended or goes away by itself when it has. */
  isPassing: v.boolean(),
  /** Of a pod's containers, all together. */
  restarts: v.number(),
})
/** One object that is to outlive Flux. */
export type TrackedObject = v.InferOutput<typeof trackedSchema>
/** All that is to outlive Flux, at one moment. */
export type Fingerprint = readonly TrackedObject[]

const release = 'Helm release'

/** Whether it is what Helm keeps of a release, not a workload: an upgrade adds to that. */
export function isRelease({ name }: Pick<TrackedObject, 'name'>): boolean {
  return name.startsWith(`${release} `)
}

const job = { apiVersion: 'batch/v1', kind: 'Job' }
/** Read as metadata only: ten thousand workloads are some megabytes. Helm keeps each revision of a release in a Secret. */
const watched: readonly { kind: Kind; plural: string; query?: string; as?: string }[] = [
  { kind: kinds.deployment, plural: 'apis/apps/v1/deployments' },
  { kind: { apiVersion: 'apps/v1', kind: 'StatefulSet' }, plural: 'apis/apps/v1/statefulsets' },
  { kind: { apiVersion: 'apps/v1', kind: 'DaemonSet' }, plural: 'apis/apps/v1/daemonsets' },
  { kind: kinds.replicaSet, plural: 'apis/apps/v1/replicasets' },
  { kind: { apiVersion: 'batch/v1', kind: 'CronJob' }, plural: 'apis/batch/v1/cronjobs' },
  { kind: { apiVersion: 'v1', kind: 'Service' }, plural: 'api/v1/services' },
  { kind: { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, plural: 'api/v1/persistentvolumeclaims' },
  { kind: kinds.secret, plural: 'api/v1/secrets', query: '?labelSelector=owner%3Dhelm', as: release },
]

/** The workloads, Services, claims and Helm releases of every namespace but Flux's own. */
export async function takeFingerprint(cluster: Cluster, namespace: string): Promise<Fingerprint> {
  const isElsewhere = ({ metadata }: KubeObject): boolean => metadata.namespace !== namespace
  const lists = await inParallel(watched, 8, async ({ kind, plural, query = '', as = kind.kind }) => {
    const tracked: TrackedObject[] = []
    for await (const page of metadataPages(cluster, `/${plural}${query}`, kind)) {
      for (const object of page.filter(isElsewhere)) tracked.push(trackedOf(object, as))
    }
    return tracked
  })
  const pods: TrackedObject[] = []
  for await (const page of podPages(cluster)) {
    for (const { object, restarts } of page) if (isElsewhere(object)) pods.push({ ...trackedOf(object, 'Pod'), restarts })
  }
  const jobs = (await cluster.list(job)).filter(isElsewhere)
  return [...lists.flat(), ...pods, ...jobs.map((object) => ({ ...trackedOf(object, 'Job'), isPassing: isPassing(object) }))]
}

function trackedOf(object: KubeObject, kind: string): TrackedObject {
  const { namespace, name, uid = '', generation = 0 } = object.metadata
  return { name: `${kind} ${namespace}/${name}`, uid, generation, isOwned: ownersOf(object).length > 0, isPassing: false, restarts: 0 }
}

const jobSchema = v.object({
  spec: v.object({ ttlSecondsAfterFinished: v.optional(v.number()) }),
  status: v.optional(v.object({ conditions: v.optional(v.array(v.object({ type: v.string(), status: v.string() })), []) }), {}),
})

function isPassing(object: KubeObject): boolean {
  const { spec, status } = v.parse(jobSchema, object)
  const hasEnded = status.conditions.some((condition) => ['Complete', 'Failed'].includes(condition.type) && condition.status === 'True')
  return hasEnded || spec.ttlSecondsAfterFinished !== undefined
}

/** Keeps a fingerprint in a file, whole or not at all. */
export function keepFingerprint(path: string, fingerprint: Fingerprint): void {
  putFile(path, JSON.stringify(fingerprint))
}

/** Reads a fingerprint again. Throws where the file is not what was kept. */
export function readFingerprint(path: string): Fingerprint {
  return v.parse(v.pipe(v.string(), v.parseJson(), v.array(trackedSchema)), readFileSync(path, 'utf8'))
}
