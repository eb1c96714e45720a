import * as v from 'valibot'
import { type JsonObject, isJsonObject } from '../base/json-object.ts'
import { fieldManager } from '../kubernetes/client.ts'
import type { KubeObject } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'
import { apiGroups, isOfGroup } from './api-groups.ts'
import { isApplier } from './field-managers.ts'
import { detachAnnotation, isDetached, isReconcileDisabled, reconcileAnnotation, suspendedByAnnotation } from './annotations.ts'

const suspendSchema = v.object({ spec: v.object({ suspend: v.optional(v.boolean(), false) }) })
/** The merge patch that suspends an object of this kind. */
export function suspension(object: Pick<KubeObject, 'apiVersion'>): Record<string, unknown> {
  const isOperators = isOfGroup(object, apiGroups.operator)
  return isOperators ? { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } } : { spec: { suspend: true } }
}

/** The merge patch that resumes an object of this kind, and leaves nothing of the suspension behind. */
export function resumption(object: Pick<KubeObject, 'apiVersion'>): Record<string, unknown> {
  const isOperators = isOfGroup(object, apiGroups.operator)
  const annotations = { [suspendedByAnnotation]: null, ...(isOperators ? { [reconcileAnnotation]: null } : {}) }
  return { metadata: { annotations }, ...(isOperators ? {} : { spec: { suspend: null } }) }
}

/** Whether the object is suspended, no matter by whom. */
export function isSuspended(object: KubeObject): boolean {
  if (isOfGroup(object, apiGroups.operator)) return isReconcileDisabled(object)
  const read = v.safeParse(suspendSchema, object)
  return read.success && read.output.spec.suspend
}

/** Whether a field manager's fields are among others those that suspend an object. */
function suspends(fieldsV1: unknown): boolean {
  return has(below(fieldsV1, 'f:spec'), 'f:suspend') || has(below(fieldsV1, 'f:metadata', 'f:annotations'), `f:${reconcileAnnotation}`)
}

/** Whether a field manager's fields are among others those that have kustomize-controller leave an object as it is. */
function detaches(fieldsV1: unknown): boolean {
  return ['f:annotations', 'f:labels'].some((marks) => has(below(fieldsV1, 'f:metadata', marks), `f:${detachAnnotation}`))
}

function below(fieldsV1: unknown, ...path: readonly string[]): unknown {
  return path.reduce((fields, key) => (isJsonObject(fields) ? fields[key] : undefined), fieldsV1)
}

function has(fields: unknown, key: string): boolean {
  return isJsonObject(fields) && key in fields
}

/** The field manager that suspended the object, where no controller did: Git knows nothing of it, and would set it going again. */
export function suspendedBy(object: KubeObject): string | undefined {
  if (!isSuspended(object)) return undefined
  const owners = object.metadata.managedFields.filter(({ fieldsV1 }) => suspends(fieldsV1))
  if (owners.some(({ manager }) => isApplier(manager))) return undefined
  // This project disables the FluxInstance's reconciliation before it takes Flux down. Whatever else it suspended, it did so again, for a person.
  if (object.kind === fluxKinds.fluxInstance.kind && owners[0]?.manager === fieldManager) return undefined
  return owners[0]?.manager ?? unknownManager
}

/** Of fields that no field manager is noted for. */
export const unknownManager = 'unknown'

/** The field manager that has marked the object so that kustomize-controller leaves it as it is, where Git has not. */
export function detachedBy(object: KubeObject): string | undefined {
  if (!isDetached(object)) return undefined
  const { by } = detachmentIn(object.metadata)
  return isApplier(by) ? undefined : by
}

/** By whom an object was suspended. */
export interface Suspension {
  /** The field manager that wrote it, `unknown` where none is noted. */
  readonly by: string
  /** What that field manager is: `flux CLI` */
  readonly via: string
  /** Who was logged in to the web UI, where that noted it. */
  readonly user: string | undefined
  /** When it last wrote, RFC 3339. */
  readonly since: string | undefined
}

/** The programs that people suspend with, by the names that they write under. */
const programs: readonly (readonly [RegExp, string])[] = [
  [/^flux$/, 'flux CLI'],
  [/^flux-operator-web$/, 'web UI'],
  [/^flux-operator-ctl$/, 'flux-operator CLI'],
  [/mcp/, 'MCP server'],
  [/^kubectl/, 'kubectl'],
]

function programOf(manager: string): string {
  if (manager === fieldManager) return "this project's scripts"
  return isApplier(manager) ? 'Git' : (programs.find(([name]) => name.test(manager))?.[1] ?? 'another program')
}

interface ObjectMetadata {
  readonly annotations: Readonly<Record<string, string | undefined>>
  readonly managedFields: readonly unknown[]
}

/** Who has written `spec.suspend`, or the operator's annotation, into the metadata of an object that is suspended. */
export function suspensionIn(metadata: ObjectMetadata): Suspension {
  const { by, via, since } = writerIn(metadata, suspends)
  return { by, via, user: metadata.annotations[suspendedByAnnotation], since }
}

/** Who has marked an object so that kustomize-controller leaves it as it is. */
export function detachmentIn(metadata: ObjectMetadata): Suspension {
  return { ...writerIn(metadata, detaches), user: undefined }
}

/** The last who wrote such fields. */
function writerIn({ managedFields }: ObjectMetadata, isSuch: (fieldsV1: unknown) => boolean): Omit<Suspension, 'user'> {
  let latest: { manager: string; time: string | undefined } | undefined
  for (const entry of managedFields) {
    if (!isJsonObject(entry) || !isOfObject(entry) || !isSuch(entry.fieldsV1)) continue
    const { manager = '' } = entry
    const time = typeof entry.time === 'string' ? entry.time : undefined
    const isLater = latest === undefined || (time ?? '') > (latest.time ?? '') // RFC 3339 in UTC sorts by time
    if (typeof manager === 'string' && isLater) latest = { manager, time }
  }
  const by = latest === undefined || latest.manager === '' ? unknownManager : latest.manager
  return { by, via: programOf(by), since: latest?.time }
}

/** Not of its status, which belongs to nobody. */
function isOfObject({ subresource = '' }: JsonObject): boolean {
  return subresource === ''
}

/** As shown to people: `suspended by flux (flux CLI)` */
export function describeSuspension({ by, via, user }: Suspension): string {
  return user === undefined ? `suspended by ${by} (${via})` : `suspended by ${user} (${by}, ${via})`
}
