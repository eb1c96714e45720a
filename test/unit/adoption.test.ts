import { describe, expect, test } from 'vitest'
import { judgeAdoption } from '../../lib/steps/verify-adopted.ts'

const before = new Map([
  ['shop/plain', 3],
  ['elsewhere/far', 1],
])

describe('a Helm release', () => {
  test('at its revision, or one above, was adopted', () => {
    expect(judgeAdoption(before, new Map([...before, ['shop/plain', 4]]))).toEqual([])
  })
  test('below its revision was installed anew, hooks and all', () => {
    expect(judgeAdoption(before, new Map([...before, ['shop/plain', 1]]))).toEqual([
      'shop/plain was installed anew: revision 1, and 3 before',
    ])
  })
  test('gone, or far above, is told', () => {
    expect(judgeAdoption(before, new Map([['shop/plain', 7]]))).toEqual(['shop/plain rose from revision 3 to 7', 'elsewhere/far is gone'])
  })
})
