import { describe, expect, test } from 'vitest'
import { parseFleetCall } from '../../lib/commands/fleet/fleet-syntax.ts'
import { textAt } from '../../lib/commands/validate/at.ts'
import { composeValues } from '../../lib/desired-state/chart-values.ts'
import { servicesOf } from '../../lib/flux/components.ts'
import { crdsOf } from '../../lib/flux/crds.ts'
import { referencesIn } from '../../lib/flux/secret-references.ts'
import { parseObject } from '../../lib/kubernetes/objects.ts'

// What every object of JavaScript has: a tenant's label, a kind in Git and a key of a ConfigMap may be called so too.
describe.each(['constructor', 'toString', 'hasOwnProperty', '__proto__'])('the name %s', (name) => {
  test('is a kind without fields of its own', () => {
    const object = parseObject({
      apiVersion: 'a/v1',
      kind: name,
      metadata: { name: 'a', namespace: 'b' },
      spec: { secretRef: { name: 'c' } },
    })
    expect(referencesIn(object).map(({ ref }) => ref.name)).toEqual(['c'])
  })
  test('is a controller that brings nothing', () => {
    expect(servicesOf(name)).toEqual([])
    expect(crdsOf([name], '2.9.5')).toEqual([])
  })
  test('is a key that a ConfigMap does not have', async () => {
    const map = parseObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'b' }, data: { a: 'b' } })
    const reference = { kind: 'ConfigMap', name: 'a', valuesKey: name, targetPath: '', optional: false } as const
    const from = { namespace: 'b', references: [reference], beside: [map] }
    await expect(composeValues({ get: () => Promise.resolve(undefined) }, 'HelmRelease a', {}, from)).rejects.toThrow(
      `the key ${name} of ConfigMap b/a, which HelmRelease a takes values from, does not exist`,
    )
  })
  test('is a field that does not exist', () => {
    expect(textAt({ spec: {} }, 'spec', name, 'name')).toBe('')
  })
  test('is a command that a fleet has not', () => {
    expect(() => parseFleetCall({}, [name])).toThrow(`fleet has no command ${name}`)
  })
})
