import { describe, expect, test } from 'vitest'
import { shortened } from '../../../lib/terminal/console.ts'
import { wrap } from '../../../lib/terminal/wrap.ts'
import { parseDuration, showDuration } from '../../../lib/base/duration.ts'
import { escapeHtml } from '../../../lib/base/outside-text.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { substitute } from '../../../lib/desired-state/substitution.ts'

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
  test('hides user and password in any URL without being reported', () => {
    expect(createRedactor().clean('cannot clone https://me:secret@git.example.com/x')).toBe('cannot clone https://***@git.example.com/x')
    expect(createRedactor().clean('ssh://git:secret@git.example.com/x')).toBe('ssh://***@git.example.com/x')
    expect(createRedactor().clean('ssh://git@git.example.com/x')).toBe('ssh://git@git.example.com/x') // everyone's user
  })
  const secret = 'p"ä<ss>&w0rd\\of+the/company'
  const auth = Buffer.from(`flux:${secret}`).toString('base64')
  const docker = JSON.stringify({ auths: { 'registry.example.com': { username: 'flux', password: secret, auth } } })
  test.each<[string, string]>([
    ['as it is', secret],
    ['in JSON', JSON.stringify({ secret })],
    ['in JSON in JSON', JSON.stringify({ text: JSON.stringify({ secret }) })],
    ['in HTML', escapeHtml(secret)],
    ['in a URL', encodeURIComponent(secret)],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64 for URLs', Buffer.from(secret).toString('base64url')],
    ...[0, 1, 2, 3].map((at): [string, string] => [
      `in the base64 of more, at ${at}`,
      Buffer.from(`${'x'.repeat(at)}${secret}yz`).toString('base64'),
    ]),
    ['in the base64url of more', Buffer.from(`x${secret}yz`).toString('base64url')],
    ['in base64 in base64', Buffer.from(Buffer.from(secret).toString('base64')).toString('base64')],
    ['in the login of a registry', docker],
    ['in the login of a registry, as a Secret has it', Buffer.from(docker).toString('base64')],
  ])('hides a secret %s', (_, text) => {
    const redactor = createRedactor()
    redactor.hide(secret)
    redactor.hide(`flux:${secret}`)
    const cleaned = redactor.clean(text)
    expect(cleaned).toContain('***')
    for (const word of [text, cleaned]) {
      const decoded = [word, ...[...word.matchAll(/[\w+/=-]{4,}/g)].map(([part]) => Buffer.from(part, 'base64').toString())]
      const isClear = [...decoded, ...decoded.map((one) => Buffer.from(one, 'base64').toString())].some((one) =>
        /w0rd.{1,4}of.the.company/.test(decodeURIComponent(one.replaceAll(/%(?![0-9A-F]{2})/g, ''))),
      )
      expect(isClear).toBe(word === text)
    }
  })
  test('hides all of a password in a URL that holds an @', () => {
    expect(createRedactor().clean('https://me:p@ss@w@git.example.com/x?y=a@b')).toBe('https://***@git.example.com/x?y=a@b')
    expect(createRedactor().clean('https://git.example.com?mail=a@b')).toBe('https://git.example.com?mail=a@b')
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
  test('refuses a variable that has no value: Flux would substitute an empty string', () => {
    expect(() => substitute('${nothing}', variables, 'gitops/x')).toThrow(
      "gitops/x uses ${nothing}, which the cluster's settings.yaml does not set",
    )
  })
  test('refuses a form that Flux refuses', () => {
    expect(() => substitute('${version!}', variables, 'gitops/x')).toThrow('${version!} is bad substitution')
  })
})

describe('lines on a narrow terminal', () => {
  test('break at spaces and keep their indentation', () => {
    expect(wrap('  one two three four', 12)).toEqual(['  one two', '  three four'])
    expect(wrap('  a pod for each', 8)).toEqual(['  a pod', '  for', '  each'])
  })
  test('continue below the first word behind a name in a column of its own', () => {
    expect(wrap('  follows    one two three', 20)).toEqual(['  follows    one two', '             three'])
  })
  test('continue below the first word of a numbered line', () => {
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
