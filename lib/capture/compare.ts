import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, kubectlCall, type KubeObject, nameOf, parseObject, type Ref } from '../kubernetes/objects.ts'
import { inParallel } from '../base/parallel.ts'
import { changedPaths } from '../kubernetes/field-paths.ts'
import { type EntryContent, type Entry, read } from './capture.ts'
import { overtaken, revisionOf } from '../flux/helm-storage.ts'
import { makerOf, writerOf } from './makers.ts'
import { restorable } from './restorable.ts'
import { installerOf, installerTitles } from '../flux/installer.ts'
import { appliedBy } from '../flux/labels.ts'

/** What a restore would do with an entry. Fields are named, values never. */
export type Comparison =
  | { readonly is: 'same' }
  /** `without`: owners of it that are gone, so that Kubernetes would take it away at once if it still named them. */
  | { readonly is: 'missing'; readonly without: readonly string[] }
  | { readonly is: 'different'; readonly fields: readonly string[]; readonly live: KubeObject }
  /** It is not the restore's to restore. */
  | { readonly is: 'left'; readonly why: string }
  | { readonly is: 'blocked'; readonly reason: string; readonly remedy: string }

export interface EntryComparison {
  readonly entry: Entry
  readonly verdict: Comparison
}

/** Requests under way at the same time, as many as there are connections. */
export const atOnce = 32

/** Compares what was captured with what is there. */
export async function compareAll(cluster: Cluster, entries: readonly Entry[]): Promise<EntryComparison[]> {
  const storage = entries.filter(({ role }) => role === 'helm-storage').map(({ ref }) => ref)
  const goneOn = await overtaken(cluster, storage)
  return inParallel(entries, atOnce, async (entry): Promise<EntryComparison> => {
    const release = entry.role === 'helm-storage' ? revisionOf(entry.ref)?.release : undefined
    const newest = release === undefined ? undefined : goneOn.get(release)
    if (newest !== undefined) return { entry, verdict: { is: 'left', why: `Helm is already at revision ${newest}` } }
    return { entry, verdict: await judge(cluster, entry) }
  })
}

async function judge(cluster: Cluster, entry: Entry): Promise<Comparison> {
  const { was, object } = read(entry)
  const isNamespace = entry.role === 'namespace'
  if (entry.role === 'named' && (await cluster.isInstalled(entry.ref)) && !(await cluster.isNamespaced(entry.ref))) {
    const reason = `${nameOf(entry.ref)} is of a kind that is in no namespace, and no capture contains such an object`
    return { is: 'blocked', reason, remedy: 'find out who wrote the capture, and pass another copy: --from FILE' }
  }
  const live = await cluster.get(entry.ref)
  if (live?.metadata.deletionTimestamp !== undefined) {
    return { is: 'blocked', reason: `${nameOf(entry.ref)} is being deleted`, remedy: kubectlCall('describe', entry.ref) }
  }
  if (!isNamespace && was.deletionTimestamp !== undefined) return { is: 'left', why: 'it was being deleted when it was captured' }
  if (live === undefined) return judgeMissing(cluster, entry, was)
  const fields = changedPaths(live, comparable(restorable(object, live), live))
  if (fields.length === 0) return { is: 'same' }
  const writer = entry.role !== 'referred' ? undefined : (entry.broughtBy ?? (live.kind === kinds.secret.kind ? writerOf(live) : undefined))
  if (writer !== undefined) return { is: 'left', why: `${writer} writes it` }
  // The root of a Flux that its CLI had made is the operator's or Pulumi's after a rebuild, and follows Git now.
  const bringer = entry.role === 'flux-by-hand' ? bringerOf(live) : undefined
  if (bringer !== undefined) return { is: 'left', why: `${bringer} has recreated it` }
  const fixed = fields.filter((field) => field === 'type' || (v.is(immutableSchema, live) && !field.startsWith('metadata.')))
  if (fixed.length > 0) {
    const reason = `${nameOf(entry.ref)} differs in ${fixed.join(', ')}, which is immutable`
    return { is: 'blocked', reason, remedy: `to restore the captured one, delete it: ${kubectlCall('delete', entry.ref)}` }
  }
  return { is: 'different', fields, live }
}

function bringerOf(live: KubeObject): string | undefined {
  const kustomization = live.metadata.labels[appliedBy.kustomization.name]
  const maker = makerOf(live) ?? (kustomization === undefined ? undefined : `Kustomization ${kustomization}`)
  const installer = installerOf(live)
  return maker ?? (installer === 'pulumi' || installer === 'terraform' ? installerTitles[installer] : undefined)
}

async function judgeMissing(cluster: Cluster, entry: Entry, was: EntryContent['was']): Promise<Comparison> {
  const { apiVersion, kind } = entry.ref
  if (!(await cluster.isInstalled(entry.ref))) return { is: 'left', why: `the cluster has no ${kind} of ${apiVersion} (yet)` }
  const owners = await Promise.all(was.ownerReferences.map(async (owner) => ({ owner, isThere: await ownerOf(cluster, entry.ref, owner) })))
  const writer = owners.find(({ owner, isThere }) => isThere !== undefined && owner.apiVersion.startsWith('external-secrets.io/'))
  if (writer !== undefined) return { is: 'left', why: `${entry.broughtBy} writes it` }
  const gone = owners.filter(({ owner, isThere }) => isThere?.metadata.uid !== owner.uid)
  return { is: 'missing', without: gone.map(({ owner }) => `${owner.kind} ${owner.name}`) }
}

type Owner = EntryContent['was']['ownerReferences'][number]

/** The object of an owner's name, the very one or another; owners are of the same namespace, or of none. */
async function ownerOf(cluster: Cluster, { namespace }: Ref, { apiVersion, kind, name }: Owner): Promise<KubeObject | undefined> {
  if (!(await cluster.isInstalled({ apiVersion, kind }))) return undefined
  const isNamespaced = await cluster.isNamespaced({ apiVersion, kind })
  return cluster.get({ apiVersion, kind, name, ...(isNamespaced && namespace !== undefined ? { namespace } : {}) })
}

/** What was captured, as it would be with what the cluster alone decides on. */
function comparable(object: KubeObject, live: KubeObject): KubeObject {
  return { ...object, apiVersion: live.apiVersion, metadata: { ...object.metadata, finalizers: live.metadata.finalizers } }
}

/** Then its data can never be changed; a Secret's type cannot anyway. */
const immutableSchema = v.object({ immutable: v.literal(true) })

/**
 * Creates the object as it was captured, owners that are still there included, and gives its fields back to those who managed them: else
 * this project would own forever what Git's Flux owns.
 */
export async function restoreEntry(cluster: Cluster, entry: Entry): Promise<void> {
  const { was, object: captured } = read(entry)
  const object = restorable(captured)
  const { status: _status, ...manifest } = object
  const owners = await Promise.all(
    was.ownerReferences.map(async (owner) => ((await ownerOf(cluster, entry.ref, owner))?.metadata.uid === owner.uid ? [owner] : [])),
  )
  const ownerReferences = owners.flat()
  await cluster.create(
    parseObject({ ...manifest, metadata: { ...object.metadata, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) } }),
  )
  await giveBack(cluster, entry.ref, was)
}

/** Makes the object that is there what was captured; fails where it has changed since it was checked. */
export async function revertObject(cluster: Cluster, entry: Entry, live: KubeObject): Promise<void> {
  const { was, object: captured } = read(entry)
  const object = restorable(captured, live)
  const { uid, resourceVersion, finalizers, ownerReferences } = live.metadata
  const { status: _status, ...manifest } = object
  const kept = { uid, resourceVersion, finalizers, ...(ownerReferences === undefined ? {} : { ownerReferences }) }
  await cluster.replace(parseObject({ ...manifest, metadata: { ...object.metadata, ...kept } }))
  await giveBack(cluster, entry.ref, was)
}

async function giveBack(cluster: Cluster, ref: Ref, { managedFields }: EntryContent['was']): Promise<void> {
  const own = managedFields.filter(({ subresource, apiVersion }) => subresource === undefined && apiVersion === ref.apiVersion)
  if (own.length > 0) await cluster.patch(ref, { metadata: { managedFields: own } })
}
