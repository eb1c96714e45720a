import { expect, test } from 'vitest'
import { counted } from '../../../lib/base/counted.ts'

test.each([
  [0, '0 objects'],
  [1, '1 object'],
  [2, '2 objects'],
])('%s', (count, shown) => {
  expect(counted(count, 'object')).toBe(shown)
})
