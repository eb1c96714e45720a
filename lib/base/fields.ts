/**
 * Reading JSON by hand, for what is read ten thousand times: a schema that is interpreted takes three times as long. What is missing has a
 * default; what is there and of another type is an error, as with a schema.
 */

/** An object of JSON. */
export type Fields = Readonly<Record<string, unknown>>

const none: Fields = {}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws TypeError where it is none */
export function asFields(value: unknown, what: string): Fields {
  if (isFields(value)) return value
  throw wrong(what, 'an object', value)
}

/** The object of this name, an empty one where there is none. */
export function fieldsAt(of: Fields, name: string): Fields {
  const value = of[name]
  return value === undefined ? none : asFields(value, name)
}

/** The same of a field for which Go may write null. */
export function maybeFieldsAt(of: Fields, name: string): Fields | undefined {
  const value = of[name]
  return value === undefined || value === null ? undefined : asFields(value, name)
}

/** The text of this name, "" where there is none. */
export function textAt(of: Fields, name: string): string {
  return maybeTextAt(of, name) ?? ''
}

export function maybeTextAt(of: Fields, name: string): string | undefined {
  const value = of[name]
  if (value === undefined || typeof value === 'string') return value
  throw wrong(name, 'a text', value)
}

/** The same of a field for which Go may write null. */
export function nullableTextAt(of: Fields, name: string): string | undefined {
  return of[name] === null ? undefined : maybeTextAt(of, name)
}

export function maybeNumberAt(of: Fields, name: string): number | undefined {
  const value = of[name]
  if (value === undefined || typeof value === 'number') return value
  throw wrong(name, 'a number', value)
}

/** False where there is nothing of this name. */
export function flagAt(of: Fields, name: string): boolean {
  const value = of[name]
  if (value === undefined || typeof value === 'boolean') return value === true
  throw wrong(name, 'true or false', value)
}

/** The objects of the list of this name, none where there is no list. */
export function listAt(of: Fields, name: string): readonly Fields[] {
  const value = of[name]
  if (value === undefined) return []
  if (!Array.isArray(value)) throw wrong(name, 'a list', value)
  return value.map((item: unknown) => asFields(item, name))
}

/** A map of texts, as labels are. */
export function textsAt(of: Fields, name: string): Readonly<Record<string, string>> {
  const texts = fieldsAt(of, name)
  if (holdsTexts(texts)) return texts
  throw wrong(name, 'a map of texts', texts)
}

function holdsTexts(fields: Fields): fields is Readonly<Record<string, string>> {
  for (const name of Object.keys(fields)) if (typeof fields[name] !== 'string') return false
  return true
}

function wrong(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} is not ${wanted}, but ${JSON.stringify(value)?.slice(0, 100)}`)
}
