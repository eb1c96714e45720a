import { describe, expect, test, vi } from 'vitest'
import { parseObjects } from '../../../lib/kubernetes/manifest.ts'
import { yamlDocuments, yamlValue } from '../../../lib/base/yaml.ts'

function errorsOf(text: string): string[] {
  return yamlDocuments(text).flatMap(({ errors }) => errors.map(({ message }) => message))
}

describe('YAML that would take all time, or all of the stack, is an error', () => {
  // Of 2,500 brackets the process itself ended, and with it the run: V8 cannot compile a regular expression at the end of the stack.
  test.each([
    ['brackets', '['.repeat(2500)],
    ['closed ones', `${'['.repeat(2500)}${']'.repeat(2500)}`],
    ['braces', '{a: '.repeat(2500)],
    ['dashes', '- '.repeat(2500)],
    ['indentation', Array.from({ length: 2500 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
    ['keys of keys', '? '.repeat(2500)],
  ])('of many %s', (_, text) => {
    expect(errorsOf(`a: 1\n---\n${text}`)).toEqual([expect.stringContaining('it is nested more than 250 levels deep')])
  })

  test('of keys that are maps, each of which is written out once more for each level', () => {
    const text = `${'? '.repeat(240)}x`
    expect(errorsOf(text)[0]).toContain('all keys must be strings')
    expect(() => parseObjects(text)).toThrow('this is not YAML: ')
  })

  test('of aliases that stand for millions, or for nothing', () => {
    const levels = Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]\n`)
    expect(errorsOf(`a0: &a0 [x]\n${levels.join('')}`)).toEqual([expect.stringContaining('Excessive alias count')])
    expect(errorsOf('a: *nowhere\n')).toEqual([expect.stringContaining('Unresolved alias')])
  })

  test('and what Kubernetes has is none', () => {
    const deep = Array.from({ length: 200 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')
    expect(errorsOf(`${deep}\n---\na: &a [1, '*', "*"]\nb: *a\nc: * * *\n`.replace('c: * * *', "c: '* * *'"))).toEqual([])
    expect(yamlDocuments('1: a\ntrue: b\n').map((one): unknown => one.toJS())).toEqual([{ '1': 'a', true: 'b' }])
  })
})

test('nothing is printed of what is in it, as of a value with a tag that nobody knows', () => {
  const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
  expect(yamlValue('password: !mine hunter2\n')).toEqual({ password: 'hunter2' })
  expect(warned).not.toHaveBeenCalled()
  warned.mockRestore()
})

test('an error says where it is', () => {
  expect(() => yamlValue('a: b\nc: [d\n')).toThrow(/ at line 3, column 1$/)
  expect(yamlValue('')).toBe(null)
})
