import { describe, expect, test } from 'vitest'
import { certificateEnds, tokenEnds } from '../../lib/base/certificates.ts'
import { inOneLine } from '../../lib/base/outside-text.ts'
import { createRedactor } from '../../lib/base/redactor.ts'
import { parseVersion } from '../../lib/base/version.ts'
import { holdersIn } from '../../lib/commands/bootstrap/pulumi-locks.ts'
import { outside } from '../../lib/commands/recover/outside.ts'
import { headingsOf } from '../../lib/commands/validate/documents.ts'
import { expandResourceSet } from '../../lib/commands/validate/resource-sets.ts'
import { BadSubstitution, evaluate } from '../../lib/desired-state/substitution.ts'
import { folderAt } from '../../lib/flux/brought-by.ts'
import { isOperatorChart } from '../../lib/flux/charts.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../lib/flux/object.ts'
import { findSuspects } from '../../lib/health/changes.ts'
import { parseObject } from '../../lib/kubernetes/objects.ts'
import { wrap } from '../../lib/terminal/wrap.ts'
import { clusterOf } from './fake-cluster.ts'

const many = (text: string): string => text.repeat(1_000_000 / text.length)

// A tenant writes conditions of 32 KB and Secrets of 1 MB, and anyone who may push, whole files. Where a text takes the square of its length,
// each of these takes minutes, in which the lock is not renewed, and Ctrl-C does nothing.
describe('a long text is read in no time', () => {
  test('on its way to people', () => {
    const { clean } = createRedactor()
    for (const text of [many('a.'), many('a://'), many(' '), many('##a'), many('\n::a '), `::a ${many('a:')}`])
      expect(clean(text)).toBe(text)
    const redactor = createRedactor()
    for (let at = 0; at < 20; at++) redactor.hide(`${'a'.repeat(500)}${at}`)
    for (const text of [many('aaab…'), `${many('a')}b…b${many('a')}`]) expect(redactor.clean(text)).toContain('b')
    expect(inOneLine(`${many(' ')}x`)).toHaveLength(1_000_001)
    expect(wrap(many('; a '), 80).length).toBeGreaterThan(1000)
    expect(wrap(many('x; kubectl get; '), 80).length).toBeGreaterThan(1000)
  })

  test('in which certificates, tokens and versions are looked for', () => {
    expect(certificateEnds(many('-----BEGIN CERTIFICATE-----'))).toEqual([])
    expect(tokenEnds(many('ey-'))).toEqual([])
    expect(parseVersion(many('1'))).toBeUndefined()
  })

  test('of substitutions, whatever patterns Git has in them', () => {
    const value = 'a'.repeat(20_000)
    const { text } = evaluate('${x##*a*a*a*a*a*a*a*a*a*a*b}${x%%b*a*a*a*a*a*a*a*a*a*a*}${x##*a*a}', { x: value })
    expect(text).toBe(value + value)
    for (const [form, x] of [
      ['${a:='.repeat(200_000), ''],
      [`\${x//a/${value}}`, value.repeat(10)],
      [`\${x##${'*a'.repeat(20_000)}}`, value],
    ] as const) {
      expect(() => evaluate(form, { x })).toThrow(BadSubstitution)
    }
  })

  test('of conditions, events, and the paths and addresses of Flux objects', async () => {
    const text = [many('tag'), `failed to determine artifact digest${many('tag not foun')}`, many('created by "@'), many('////')].join('\n')
    const probed = ['sources', 'controllers'].map((id) => ({
      id,
      title: '',
      state: 'fail' as const,
      objects: [{ object: '', reason: text }],
    }))
    for (const mode of outside) expect(mode.recognise(Object.assign(Object.create(null), { probed }))).toBeUndefined()
    expect(holdersIn(text)).toEqual([])
    expect(folderAt(`./a/${many('/')}b//`)).toBe('a/b')
    expect(['', '.', '/', './', '././'].map(folderAt)).toEqual(['.', '.', '.', '.', '.'])
    expect(isOperatorChart(`oci://a${many('/')}flux-operator//`)).toBe(true)
    const name = 'flux-system'
    const object = parseObject({
      ...fluxKinds.kustomization,
      metadata: { namespace: name, name, creationTimestamp: '2026-01-01T00:00:00Z' },
    })
    const all = [parseFluxObject(object, fluxKinds.kustomization, true)]
    const event = {
      metadata: {},
      involvedObject: { kind: 'Kustomization', namespace: name, name },
      message: many('/'),
      firstTimestamp: '2026-01-02T00:00:00Z',
    }
    const cluster = { ...clusterOf(() => []), collection: () => Promise.resolve('/?'), read: () => Promise.resolve({ items: [event] }) }
    const read = { all, byName: new Map(all.map((one) => [one.name, one])), kinds: new Set<string>() }
    const snapshot = { cluster, now: Date.now(), objects: () => Promise.resolve(read), instance: () => Promise.resolve(undefined) }
    expect(await findSuspects(snapshot)).toEqual([])
  })

  test('of templates, and of documents', () => {
    const set = { spec: { resources: [{ kind: 'ConfigMap', data: { a: many('<<'), b: `<<${many(' ')}`, c: many('<< ') } }] } }
    expect(expandResourceSet(set).isWhole).toBe(true)
    expect(headingsOf(many('\n\n'))).toEqual([])
    expect(headingsOf('# A\n```\n# no\n```\n')).toEqual(['a'])
  })
})

test('a text of several lines in one', () => {
  expect(inOneLine('a  \n\n  b\n')).toBe('a b ')
  expect(inOneLine('  \n a')).toBe(' a')
  expect(inOneLine(' a  b ')).toBe(' a  b ')
})
