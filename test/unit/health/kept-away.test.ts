import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { instance } from '../../../lib/health/probes/instance.ts'
import { parseObject } from '../../../lib/kubernetes/objects.ts'
import { foundBy } from './found-by.ts'

const namespace = 'flux-system'
const flux = parseObject({
  ...fluxKinds.fluxInstance,
  metadata: { namespace, name: 'flux', generation: 3, labels: { 'helm.toolkit.fluxcd.io/name': 'flux-instance' } },
  spec: { distribution: { version: '2.9.4' } },
  status: {
    lastAppliedRevision: 'v2.9.4@sha256:1',
    conditions: [{ type: 'Ready', status: 'True', observedGeneration: 3, lastTransitionTime: new Date().toISOString() }],
  },
})
const release = (suspend: boolean) =>
  parseObject({
    ...fluxKinds.helmRelease,
    metadata: {
      namespace,
      name: 'flux-instance',
      managedFields: [{ manager: 'flux', fieldsV1: { 'f:spec': { 'f:suspend': {} } }, time: '2026-11-30T01:00:00Z' }],
    },
    spec: { suspend, values: { instance: { distribution: { version: '2.9.5' } } } },
  })

test('a version that Git says, and that a suspended HelmRelease keeps away, is to know of and nothing to repair', async () => {
  expect(await foundBy(instance, [flux, release(true)])).toEqual({
    state: 'warn',
    detail: 'Flux 2.9.4',
    objects: [
      {
        object: 'FluxInstance flux-system/flux',
        reason: 'asks for Flux 2.9.4; Git says 2.9.5, and HelmRelease flux-system/flux-instance is suspended by flux (flux CLI)',
        next: 'kubectl --namespace flux-system describe fluxinstance flux',
      },
    ],
  })
  expect(await foundBy(instance, [flux, release(false)])).toMatchObject({ state: 'fail', objects: [{ problem: expect.any(String) }] })
})
