import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { mainInstance } from '../../../lib/flux/refs.ts'
import { type KubeObject, parseObject } from '../../../lib/kubernetes/objects.ts'

const instance = (namespace: string, finalizers: readonly string[] = [], at = ''): KubeObject => {
  const conditions = at === '' ? [] : [{ type: 'Ready', status: 'True', reason: 'x', message: '', lastTransitionTime: at }]
  return parseObject({ ...fluxKinds.fluxInstance, metadata: { namespace, name: 'flux', finalizers }, status: { conditions } })
}
const own = ['fluxcd.controlplane.io/finalizer']

test.each<[string, readonly KubeObject[], string | undefined]>([
  ['none', [], undefined],
  ['one that no operator has seen yet', [instance('flux-system')], 'flux-system'],
  ['the one with the finalizer of its operator, wherever that is', [instance('apps'), instance('flux-system', own)], 'flux-system'],
  [
    'the one that was reconciled last, if an operator has moved',
    [instance('apps', own, '2026-01-01T00:00:00Z'), instance('flux-system', own, '2026-11-30T00:00:00Z')],
    'flux-system',
  ],
])('of several FluxInstances it is %s', (_, instances, namespace) => {
  expect(mainInstance(instances)?.metadata.namespace).toBe(namespace)
})
