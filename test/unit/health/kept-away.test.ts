import { expect, test } from 'vitest'
import { revision } from '../../../lib/health/probes/revision.ts'
import { keptByOperator } from '../kept-by-operator.ts'
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

test.each([
  ['the source', true, false, 'GitRepository', 'has fetched aaaaaaaaaaaa'],
  ['the root Kustomization', false, true, 'Kustomization', 'has applied aaaaaaaaaaaa'],
])('a commit that %s, which a person has suspended, keeps away is to know of', async (_, isSource, isRoot, kind, words) => {
  const [old, head] = ['a'.repeat(40), 'b'.repeat(40)]
  const [source, root] = [fluxKinds.gitRepository, fluxKinds.kustomization].map((one) => ({ ...one, namespace, name: 'fleet' }))
  if (source === undefined || root === undefined) throw new Error('there are two')
  const managedFields = [{ manager: 'flux', fieldsV1: { 'f:spec': { 'f:suspend': {} } } }]
  const metadata = { namespace, name: 'fleet', managedFields }
  const objects = [
    parseObject({
      ...source,
      metadata,
      spec: { url: 'https://git.example.com/fleet', interval: '1m', suspend: isSource, ref: { branch: 'main', commit: head } },
      status: { artifact: { revision: `main@sha1:${isSource ? old : head}` } },
    }),
    parseObject({ ...root, metadata, spec: { suspend: isRoot }, status: { lastAppliedRevision: `main@sha1:${old}` } }),
  ]
  const follows = { source, root, url: '', ref: '', appliesItself: false }
  expect(await foundBy(revision, objects, { installation: () => Promise.resolve({ ...keptByOperator, follows }) })).toEqual({
    state: 'warn',
    detail: 'behind main',
    objects: [
      {
        object: `${kind} flux-system/fleet`,
        reason: `${words}; the head of refs/heads/main is bbbbbbbbbbbb, and it is suspended by flux (flux CLI)`,
      },
    ],
  })
})
