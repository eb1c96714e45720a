import { describe, expect, test } from 'vitest'
import { shortened } from '../../lib/console.ts'
import { wrap } from '../../lib/wrap.ts'
import { parseDuration, showDuration } from '../../lib/duration.ts'
import { createRedactor } from '../../lib/redactor.ts'
import { substitute } from '../../lib/substitution.ts'

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['10', undefined],
    ['1.5', undefined],
    ['m', undefined],
    ['-1s', undefined],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })
  test.each([
    [412, '0.4 s'],
    [12_300, '12 s'],
    [185_000, '3 m 05 s'],
    [3_960_000, '1 h 06 m'],
  ])('%i ms are shown as %s', (milliseconds, shown) => {
    expect(showDuration(milliseconds)).toBe(shown)
  })
})

describe('the redactor', () => {
  test('hides a secret as it is, in base64 and in a URL', () => {
    const redactor = createRedactor()
    redactor.hide('p@ss/word')
    const encoded = Buffer.from('p@ss/word').toString('base64')
    expect(redactor.clean(`p@ss/word ${encoded} p%40ss%2Fword`)).toBe('*** *** ***')
  })
  test('hides each line of a key, however it is quoted', () => {
    const redactor = createRedactor()
    redactor.hide('-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----\n')
    expect(redactor.clean('read: ijklmnop')).toBe('read: ***')
  })
  test('hides user and password in any URL without being told', () => {
    expect(createRedactor().clean('cannot clone https://me:secret@git.example.com/x')).toBe('cannot clone https://***@git.example.com/x')
    expect(createRedactor().clean('ssh://git:secret@git.example.com/x')).toBe('ssh://***@git.example.com/x')
    expect(createRedactor().clean('ssh://git@git.example.com/x')).toBe('ssh://git@git.example.com/x') // everybody's user
  })
  test('leaves words alone that are too short to be secrets', () => {
    const redactor = createRedactor()
    redactor.hide('ab')
    expect(redactor.clean('a table')).toBe('a table')
  })
})

describe('substitution as Flux does it', () => {
  const variables = { version: '2.9.5', empty: '' }
  test.each([
    ['tag: ${version}', 'tag: 2.9.5'],
    ['url: ${nothing:=oci://here}', 'url: oci://here'],
    ['url: ${empty:=fallback}', 'url: fallback'],
    ['secret: ${empty}', 'secret: '],
    ['price: $5 $${version}', 'price: $5 ${version}'],
  ])('%s', (text, result) => {
    expect(substitute(text, variables, 'the tree')).toBe(result)
  })
  test('refuses a variable that has no value: Flux would put in nothing', () => {
    expect(() => substitute('${nothing}', variables, 'gitops/x')).toThrow(
      "gitops/x uses ${nothing}, which the cluster's settings.yaml does not set",
    )
  })
  test('refuses a form it does not know', () => {
    expect(() => substitute('${version,,}', variables, 'gitops/x')).toThrow('only ${name} and ${name:=default} are understood')
  })
})

describe('lines on a narrow terminal', () => {
  test('break at spaces and keep their indentation', () => {
    expect(wrap('  one two three four', 12)).toEqual(['  one two', '  three four'])
  })
  test('go on below the first word of a numbered line', () => {
    expect(wrap('  1. ✚ Create it: create Namespace x', 22)).toEqual(['  1. ✚ Create it:', '       create', '       Namespace x'])
  })
})

describe('a line that must not wrap', () => {
  const title = 'Install Flux: apply the FluxInstance'
  test.each([
    ['stays as it is where it fits', `${title}: soon`, 60, `${title}: soon`],
    [
      'gives up its title before what is waited for',
      `${title}: source-controller 0/1: Pulling`,
      50,
      'Install Flux: app…: source-controller 0/1: Pulling',
    ],
    ['gives up both where there is no room', `${title}: source-controller 0/1: Pulling`, 30, 'Install Flux: a…: source-cont…'],
    ['is cut at its end where it has no title', 'reading a very long list', 12, 'reading a v…'],
  ])('%s', (_, text, room, shown) => {
    expect(shortened(text, title, room)).toBe(shown)
  })
})
