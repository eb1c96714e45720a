/**
 * Reading JSON by hand, for what is read ten thousand times: a schema that is interpreted takes three times as long. What is missing has a
 * default; what is there and of another type is an error, as with a schema.
 */

import { beginningOf } from './outside-text.ts'

/** An object of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>

const none: JsonObject = {}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a map has of this name by itself, and not what every object has: a key, a label or a kind may be called `constructor`. */
export function ownAt<T>(of: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined
}

/** @throws TypeError where it is none */
export function asJsonObject(value: unknown, what: string): JsonObject {
  if (isJsonObject(value)) return value
  throw wrong(what, 'an object', value)
}

/** The object of this name, an empty one where there is none. */
export function objectAt(of: JsonObject, name: string): JsonObject {
  const value = of[name]
  return value === undefined ? none : asJsonObject(value, name)
}

/** The same of a field for which Go may write null. */
export function maybeObjectAt(of: JsonObject, name: string): JsonObject | undefined {
  const value = of[name]
  return value === undefined || value === null ? undefined : asJsonObject(value, name)
}

/** The text of this name, "" where there is none. */
export function stringAt(of: JsonObject, name: string): string {
  return maybeStringAt(of, name) ?? ''
}

export function maybeStringAt(of: JsonObject, name: string): string | undefined {
  const value = of[name]
  if (value === undefined || typeof value === 'string') return value
  throw wrong(name, 'a text', value)
}

/** The same of a field for which Go may write null. */
export function nullableStringAt(of: JsonObject, name: string): string | undefined {
  return of[name] === null ? undefined : maybeStringAt(of, name)
}

export function maybeNumberAt(of: JsonObject, name: string): number | undefined {
  const value = of[name]
  if (value === undefined || typeof value === 'number') return value
  throw wrong(name, 'a number', value)
}

/** False where there is nothing of this name. */
export function flagAt(of: JsonObject, name: string): boolean {
  const value = of[name]
  if (value === undefined || typeof value === 'boolean') return value === true
  throw wrong(name, 'true or false', value)
}

/** The objects of the list of this name, none where there is no list. */
export function objectsAt(of: JsonObject, name: string): readonly JsonObject[] {
  const value = of[name]
  if (value === undefined) return []
  if (!Array.isArray(value)) throw wrong(name, 'a list', value)
  assertObjects(value, name)
  return value
}

function assertObjects(items: readonly unknown[], name: string): asserts items is readonly JsonObject[] {
  for (const item of items) asJsonObject(item, name)
}

/** A map of texts, as labels are. */
export function stringMapAt(of: JsonObject, name: string): Readonly<Record<string, string>> {
  const texts = objectAt(of, name)
  if (holdsStrings(texts)) return texts
  throw wrong(name, 'a map of texts', texts)
}

function holdsStrings(fields: JsonObject): fields is Readonly<Record<string, string>> {
  for (const name of Object.keys(fields)) if (typeof fields[name] !== 'string') return false
  return true
}

function wrong(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} is not ${wanted}, but ${beginningOf(JSON.stringify(value) ?? 'nothing', 100)}`)
}
