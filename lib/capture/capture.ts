import * as v from 'valibot'
import { messageOf, OperatorError } from '../base/errors.ts'
import { identityOf } from '../flux/inventory.ts'
import { kubectlCall, type KubeObject, nameOf, parseObject, type Ref, refOf } from '../kubernetes/objects.ts'

/** What an object is captured as, in the order in which a restore creates them: what is used before what uses it. */
export const roles = [
  /** A namespace that something captured lives in. */
  'namespace',
  /** A ServiceAccount that Flux acts as for someone. */
  'account',
  /** A Secret or ConfigMap that an object of Flux refers to. */
  'referred',
  /** Helm's own memory of a release that is deployed outside Flux's namespace: without it the next Flux installs again, hooks and all. */
  'helm-storage',
  /** An object in Flux's namespace that is not Flux's, and that a person named. */
  'named',
  /** An object of Flux that nobody will recreate: it is in no inventory. */
  'flux-by-hand',
  /** An object of Flux that comes back from Git, or from the object that made it. */
  'flux',
] as const
export type Role = (typeof roles)[number]

/** One object of a capture, and why it is there. */
export interface Entry {
  readonly ref: Ref
  readonly role: Role
  /** What refers to it, the first few: `GitRepository flux-system/fleet: spec.secretRef`. */
  readonly because: readonly string[]
  /** What brings it back by itself: `Kustomization flux-system/apps`, or `ExternalSecret flux-system/git`. */
  readonly broughtBy?: string
  /** The field manager that suspended it, or detached it from Git, where that was not a controller: a person did. */
  readonly suspendedBy?: string
  /** The object as JSON, for `read`: 10,000 parsed objects would take ten times the memory. */
  readonly text: string
}

/** Which cluster it was, and when. */
export interface CaptureHeader {
  readonly context: string
  readonly server: string
  /** The UID of kube-system: which cluster this is, whatever its name. */
  readonly uid: string
  /** Flux's own namespace. */
  readonly namespace: string
  /** Of Flux, `v2.9.5`; undefined where there is no FluxInstance. */
  readonly fluxVersion?: string
  readonly takenAt: string
}

/** What Flux needs to come back, as `collect` found it or `openCapture` read it: entries in the order of a restore. */
export interface Capture {
  readonly header: CaptureHeader
  readonly entries: readonly Entry[]
}

const ownerSchema = v.looseObject({ apiVersion: v.string(), kind: v.string(), name: v.string(), uid: v.string() })
const fieldsSchema = v.record(v.string(), v.unknown())
const capturedSchema = v.object({
  was: v.object({
    uid: v.string(),
    resourceVersion: v.string(),
    deletionTimestamp: v.optional(v.string()),
    finalizers: v.array(v.string()),
    ownerReferences: v.array(ownerSchema),
    managedFields: v.array(fieldsSchema),
  }),
  object: v.unknown(),
})

/** An object, parted into what it can be created with and what only its own cluster knew of it. */
export interface EntryContent extends Omit<v.InferOutput<typeof capturedSchema>, 'object'> {
  readonly object: KubeObject
}

/** The object of an entry. Throws where the text is no such thing. */
export function read({ text }: Pick<Entry, 'text'>): EntryContent {
  const { was, object } = v.parse(v.pipe(v.string(), v.parseJson(), capturedSchema), text)
  return { was, object: parseObject(object) }
}

const metadataSchema = v.object({
  finalizers: v.optional(v.array(v.string()), []),
  ownerReferences: v.optional(v.array(ownerSchema), []),
  managedFields: v.optional(v.array(fieldsSchema), []),
})

/**
 * An object as the text that a capture holds.
 * @param keepsOwners whether its field managers are kept, so that a restore gives the fields back to those whose they were
 * @throws OperatorError for one that a tenant has nested as deep as the API server takes it, which is deeper than Node writes
 */
export function entryText(object: KubeObject, keepsOwners: boolean): string {
  const { uid = '', resourceVersion = '', deletionTimestamp } = object.metadata
  const { finalizers, ownerReferences, managedFields } = v.parse(metadataSchema, object.metadata)
  const was = { uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences, managedFields: keepsOwners ? managedFields : [] }
  try {
    return JSON.stringify({ was, object: creatable(object) })
  } catch (cause) {
    const remedy = `${kubectlCall('describe', refOf(object))}; then delete it, or write it with less depth`
    throw new OperatorError(`${nameOf(refOf(object))} cannot be captured: ${messageOf(cause)}`, { kind: 'blocked', remedy, cause })
  }
}

/** The object without what a server gives it, as `kubectl create` takes it. */
export function creatable(object: KubeObject): Record<string, unknown> {
  const { labels, annotations, uid: _uid, resourceVersion: _version, generation: _generation, ...others } = object.metadata
  const { creationTimestamp: _created, deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, ...rest } = others
  const { managedFields: _managers, finalizers: _finalizers, ownerReferences: _owners, selfLink: _link, ...metadata } = rest
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  }
}

/** Whether the capture holds the object, whatever version of its API either speaks. */
export function carries({ entries }: Pick<Capture, 'entries'>, ref: Ref): boolean {
  return entries.some((entry) => identityOf(entry.ref) === identityOf(ref))
}

/** `12 Secrets and ConfigMaps that Flux refers to, 3 revisions of …`: how a capture is described. */
export function describeCapture({ entries }: Pick<Capture, 'entries'>): string {
  const count = (...wanted: Role[]): number => entries.filter(({ role }) => wanted.includes(role)).length
  const reported = [
    counted(count('referred'), 'Secret or ConfigMap that Flux refers to', 'Secrets and ConfigMaps that Flux refers to'),
    counted(count('account'), 'ServiceAccount', 'ServiceAccounts'),
    counted(count('helm-storage'), 'revision of a Helm release deployed elsewhere', 'revisions of Helm releases deployed elsewhere'),
    counted(count('named'), 'object named', 'objects named'),
    counted(count('flux', 'flux-by-hand'), 'object of Flux', 'objects of Flux'),
    counted(count('flux-by-hand'), 'of those in no inventory'),
    counted(entries.filter(({ suspendedBy }) => suspendedBy !== undefined).length, 'suspended by hand'),
  ].flat()
  return reported.length === 0 ? 'nothing: there is no Flux here' : reported.join(', ')
}

function counted(many: number, one: string, several = one): string[] {
  return many === 0 ? [] : [`${many} ${many === 1 ? one : several}`]
}

/** In the order of a restore, the same for the same objects whatever order they were found in. */
export function sortedEntries(entries: readonly Entry[]): Entry[] {
  const keyed = entries.map((entry) => ({ entry, key: `${roles.indexOf(entry.role)} ${entry.ref.namespace ?? ''} ${nameOf(entry.ref)}` }))
  return keyed.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ entry }) => entry)
}
