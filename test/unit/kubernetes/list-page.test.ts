import { expect, test } from 'vitest'
import { pageOf } from '../../../lib/kubernetes/list-page.ts'

const kind = { apiVersion: 'example.com/v1', kind: 'Thing' }
const thing = (name: string, more: object = {}): object => ({ ...kind, metadata: { name }, ...more })
/** As the API writes those of a CRD: by their fields in the order of the alphabet. */
const listOf = (items: readonly object[], next = ''): string =>
  JSON.stringify({ apiVersion: kind.apiVersion, items, kind: 'ThingList', metadata: { continue: next, resourceVersion: '7' } })
const read = (text: string): unknown => {
  const { next, size, map } = pageOf(text, kind)
  expect(size).toBe(text.length)
  return { next, items: map((item) => item) }
}

/** Whatever an object holds, it is the same as parsed at once. */
const hard: Readonly<Record<string, readonly object[]>> = {
  none: [],
  one: [thing('a')],
  'two, and more to come': [thing('a'), thing('b')],
  'texts that look like a border': [thing('a', { spec: `},${JSON.stringify(thing('b'))}` }), thing('c', { spec: '],"kind":"' })],
  'objects of the same kind within': [thing('a', { spec: { inner: [thing('x'), thing('y')] } }), thing('b')],
  'a list within the last': [thing('a'), thing('b', { spec: { list: [1], kind: 'Other', metadata: {} } })],
  'brackets and quotes': [thing('a', { spec: { text: '}]"\\', empty: [], nothing: null } }), thing('ü€')],
}

test.each(Object.entries(hard))('a page with %s', (_, items) => {
  const text = listOf(items, 'token')
  expect(read(text)).toEqual({ next: 'token', items: JSON.parse(text).items })
})

test.each<[string, string]>([
  [
    'in another order of fields',
    JSON.stringify({ kind: 'ThingList', apiVersion: kind.apiVersion, metadata: { continue: 'x' }, items: [thing('a')] }),
  ],
  ['with spaces', JSON.stringify({ ...JSON.parse(listOf([thing('a')], 'x')) }, undefined, 1)],
  ['of another version', listOf([thing('a')], 'x').replaceAll('example.com/v1', 'example.com/v2')],
])('a list that is written %s', (_, text) => {
  expect(read(text)).toEqual({ next: 'x', items: JSON.parse(text).items })
})

test('without any items', () => {
  expect(read(JSON.stringify({ items: null, metadata: {} }))).toEqual({ next: '', items: [] })
})

test.each(['', '<html>', listOf([thing('a')]).slice(0, -1), '{"metadata":{}}'])('an answer that is not a list is refused: %s', (text) => {
  expect(() => read(text)).toThrow()
})

test('an item that is broken is not left out', () => {
  const text = listOf([thing('a'), thing('b'), thing('c')])
  expect(() => read(text.replace('"name":"b"', '"name":"b'))).toThrow('the answer is not from the API')
})
