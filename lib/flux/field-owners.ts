import * as v from 'valibot'
import type { KubeObject } from '../kubernetes/objects.ts'
import { isOwnManager } from './field-managers.ts'
import { detachAnnotation, isReconcileSwitch, isRequestAnnotation } from './annotations.ts'

/** Field paths as managedFields have them: a tree of keys (`fieldsV1`). */
export type Fields = Readonly<Record<string, unknown>>
const fieldsSchema = v.record(v.string(), v.unknown())

/** What a person sets to have Flux reconcile or not, by whatever program: it is written to be seen by the controllers, and is no one's field. */
function isLever(path: string): boolean {
  if (path.startsWith(labels)) return path.slice(labels.length) === detachAnnotation
  if (!path.startsWith(annotations)) return path === 'f:spec f:suspend'
  const name = path.slice(annotations.length)
  return isRequestAnnotation(name) || isReconcileSwitch(name)
}
const annotations = 'f:metadata f:annotations f:'
const labels = 'f:metadata f:labels f:'
const holders = /^f:(spec|metadata|metadata f:(annotations|labels))$/

/** A manager's fields, taken apart into its levers and all else; a part that is empty is left out. */
export function partFields(fields: unknown, path = ''): { readonly levers?: Fields; readonly owned?: Fields } {
  const read = v.safeParse(fieldsSchema, fields)
  if (!read.success) return {}
  const [moved, owned]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}]
  for (const [key, below] of Object.entries(read.output)) {
    if (key === '.') continue
    const here = path === '' ? key : `${path} ${key}`
    if (isLever(here)) moved[key] = below
    else if (!holders.test(here)) owned[key] = below
    else {
      const parts = partFields(below, here)
      if (parts.levers !== undefined) moved[key] = parts.levers
      if (parts.owned !== undefined) owned[key] = parts.owned
    }
  }
  const [hasMoved, owns] = [Object.keys(moved).length > 0, Object.keys(owned).length > 0]
  // That the map itself is there (`.`) goes with what is in it.
  if ('.' in read.output && (owns || hasMoved)) (owns ? owned : moved)['.'] = read.output['.']
  return { ...(hasMoved ? { levers: moved } : {}), ...(owns ? { owned } : {}) }
}

/** An entry of `metadata.managedFields`. */
export type ManagedFields = KubeObject['metadata']['managedFields'][number]

type FieldsEntry = Pick<ManagedFields, 'manager'> & { readonly subresource?: string | undefined; readonly fieldsV1?: unknown }

/** Whether someone else than Flux wrote this, whatever it is. A status belongs to nobody. */
export function isByAnother({ manager, subresource }: FieldsEntry): boolean {
  return (subresource === undefined || subresource === '') && !isOwnManager(manager)
}

/**
 * Whether an entry makes someone else than Flux the owner of a field of an object of Flux. The one judgement of it: the health check,
 * --fix, the last step of a bootstrap and the preflight all use it.
 */
export function isForeign(entry: FieldsEntry): boolean {
  return isByAnother(entry) && partFields(entry.fieldsV1).owned !== undefined
}

/** The names of those others that own fields of the object, each once. */
export function foreignManagersOf({ metadata }: { readonly metadata: { readonly managedFields: readonly FieldsEntry[] } }): string[] {
  return [...new Set(metadata.managedFields.filter(isForeign).map(({ manager }) => manager))]
}
