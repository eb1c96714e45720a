import * as v from 'valibot'
import type { KubeObject } from './objects.ts'

type Fields = Readonly<Record<string, unknown>>
const map = v.custom<Fields>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
const namedItem = v.looseObject({ name: v.string() })

/** Of `metadata`, what people write. */
const written = ['labels', 'annotations', 'finalizers']

/** The paths of the fields that differ, such as `spec.template.spec.containers[manager].image`; the cluster's own are left out. */
export function changedPaths(one: KubeObject, other: KubeObject): string[] {
  return different(comparableFields(one), comparableFields(other), '')
}

function comparableFields({ status: _status, ...object }: KubeObject): unknown {
  const metadata = Object.fromEntries(Object.entries(object.metadata).filter(([name]) => written.includes(name)))
  return { ...object, metadata }
}

function different(one: unknown, other: unknown, path: string): string[] {
  if (one === other) return []
  if (v.is(map, one) && v.is(map, other)) {
    const keys = new Set([...Object.keys(one), ...Object.keys(other)])
    return [...keys].flatMap((key) => different(one[key], other[key], joined(path, key)))
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    const [before, after] = [byName(one), byName(other)]
    const keys = new Set([...before.keys(), ...after.keys()])
    return [...keys].flatMap((key) => different(before.get(key), after.get(key), `${path}[${key}]`))
  }
  return [path]
}

/** The items of a list by their names, as the API merges most lists; by their places where they have none. */
function byName(list: readonly unknown[]): Map<string, unknown> {
  const isNamed = list.every((item) => v.is(namedItem, item))
  return new Map(list.map((item, at) => [isNamed && v.is(namedItem, item) ? item.name : String(at), item]))
}

/** What `kubectl apply` notes for itself is not a change that anyone asked for. */
const bookkeeping = 'kubectl.kubernetes.io/last-applied-configuration'

/** The paths of the fields in a managedFields entry (`fieldsV1`; kubernetes-sigs/structured-merge-diff, fieldpath serialization). */
export function ownedPaths(fields: unknown, path = ''): string[] {
  if (!v.is(map, fields)) return []
  return Object.entries(fields).flatMap(([key, below]) => {
    if (key === '.' || key === `f:${bookkeeping}`) return []
    const here = key.startsWith('f:') ? joined(path, key.slice(2)) : `${path}[${itemName(key)}]`
    const inner = ownedPaths(below, here)
    return inner.length === 0 && isLeaf(below) ? [here] : inner
  })
}

function isLeaf(below: unknown): boolean {
  return v.is(map, below) && Object.keys(below).every((key) => key === '.')
}

/** `k:{"name":"manager"}` is called manager, `v:"finalizer"` by its value. */
function itemName(key: string): string {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson()), key.slice(2))
  if (!parsed.success) return key
  return v.is(map, parsed.output) ? Object.values(parsed.output).join('/') : String(parsed.output)
}

/** A key that has dots itself stands in brackets. */
function joined(path: string, key: string): string {
  if (key.includes('.')) return `${path}[${key}]`
  return path === '' ? key : `${path}.${key}`
}
