import { expect, test } from 'vitest'
import {
  asJsonObject,
  objectAt,
  flagAt,
  objectsAt,
  maybeObjectAt,
  maybeNumberAt,
  nullableStringAt,
  stringAt,
  stringMapAt,
} from '../../../lib/base/json-object.ts'

const empty = asJsonObject({}, 'it')

test('what is missing has a default', () => {
  expect([stringAt(empty, 'a'), flagAt(empty, 'a'), maybeNumberAt(empty, 'a'), maybeObjectAt(empty, 'a')]).toEqual([
    '',
    false,
    undefined,
    undefined,
  ])
  expect([objectAt(empty, 'a'), objectsAt(empty, 'a'), stringMapAt(empty, 'a')]).toEqual([{}, [], {}])
})

test('null counts as missing only where the API writes it', () => {
  const nothing = asJsonObject({ a: null }, 'it')
  expect([nullableStringAt(nothing, 'a'), maybeObjectAt(nothing, 'a')]).toEqual([undefined, undefined])
  expect(() => stringAt(nothing, 'a')).toThrow('a is not a text, but null')
})

test('what is of another type is named, and never passes for a default', () => {
  const other = asJsonObject({ a: { b: 1 }, list: [1], map: { b: 1 }, flag: 'true' }, 'it')
  expect(() => stringAt(other, 'a')).toThrow('a is not a text, but {"b":1}')
  expect(() => maybeNumberAt(other, 'a')).toThrow('a is not a number, but {"b":1}')
  expect(() => flagAt(other, 'flag')).toThrow('flag is not true or false, but "true"')
  expect(() => objectsAt(other, 'a')).toThrow('a is not a list, but {"b":1}')
  expect(() => objectsAt(other, 'list')).toThrow('list is not an object, but 1')
  expect(() => stringMapAt(other, 'map')).toThrow('map is not a map of texts, but {"b":1}')
  expect(() => asJsonObject([], 'it')).toThrow('it is not an object, but []')
})
