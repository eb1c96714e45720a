import { expect, test } from 'vitest'
import { checkChain } from '../../../../lib/commands/upgrade/checks/chain.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import type { FluxPlace } from '../../../../lib/flux/refs.ts'
import { type Kind, type KubeObject, nameOf, parseObject, refOf } from '../../../../lib/kubernetes/objects.ts'

const place = {
  namespace: 'flux-system',
  syncName: 'flux-system',
  kustomizations: ['infra-gitops-flux-instance'],
  operatorRelease: 'flux-operator',
  instanceRelease: 'flux-instance',
}
const time = '2026-11-01T02:03:04Z'
const written = (manager: string, fieldsV1: object): object => ({ managedFields: [{ manager, time, fieldsV1 }] })
const suspended = (kind: Kind, name: string, manager = 'flux'): KubeObject => {
  const metadata = { name, namespace: 'flux-system', ...written(manager, { 'f:spec': { 'f:suspend': {} } }) }
  return parseObject({ ...kind, metadata, spec: { suspend: true } })
}
const mark = 'kustomize.toolkit.fluxcd.io/reconcile'
const detached = (kind: Kind, name: string, by: 'annotations' | 'labels'): KubeObject => {
  const fields = written('kubectl-annotate', { 'f:metadata': { [`f:${by}`]: { [`f:${mark}`]: {} } } })
  return parseObject({ ...kind, metadata: { name, namespace: 'flux-system', ...fields, [by]: { [mark]: 'disabled' } }, spec: {} })
}
/** What is found where the cluster holds this object of the chain. */
const found = (object: KubeObject, hasNewOperator = false, at: FluxPlace = place) => {
  const get = (ref: Parameters<typeof nameOf>[0]) => Promise.resolve(nameOf(ref) === nameOf(refOf(object)) ? object : undefined)
  return checkChain({ get }, at, hasNewOperator)
}

const stopped = 'no change to Flux in Git reaches the cluster'
test.each([
  [
    'the source',
    suspended(fluxKinds.gitRepository, 'flux-system'),
    `GitRepository flux-system/flux-system is suspended by flux (flux CLI) since ${time}: ${stopped}`,
    'flux --namespace flux-system resume source git flux-system',
  ],
  [
    'the root Kustomization',
    suspended(fluxKinds.kustomization, 'flux-system', 'flux-operator-web'),
    `Kustomization flux-system/flux-system is suspended by flux-operator-web (web UI) since ${time}: ${stopped}`,
    'flux --namespace flux-system resume kustomization flux-system',
  ],
  [
    "the FluxInstance's chart",
    suspended(fluxKinds.ociRepository, 'flux-instance'),
    `OCIRepository flux-system/flux-instance is suspended by flux (flux CLI) since ${time}: ${stopped}`,
    'flux --namespace flux-system resume source oci flux-instance',
  ],
  [
    "the FluxInstance's release",
    suspended(fluxKinds.helmRelease, 'flux-instance'),
    `HelmRelease flux-system/flux-instance is suspended by flux (flux CLI) since ${time}: ${stopped}`,
    'flux --namespace flux-system resume helmrelease flux-instance',
  ],
])('%s, suspended by a person, blocks the run before anything is pushed', async (_, object, what, resume) => {
  expect(await found(object)).toEqual([{ is: 'blocks', what, remedy: `find out why, then: ${resume}` }])
})

test.each(['annotations', 'labels'] as const)('a release that Git is kept from by its %s blocks the run too', async (by) => {
  expect(await found(detached(fluxKinds.helmRelease, 'flux-instance', by))).toEqual([
    {
      is: 'blocks',
      what: `HelmRelease flux-system/flux-instance is annotated ${mark}: disabled by kubectl-annotate (kubectl) since ${time}: Git's changes to it do not reach the cluster`,
      remedy: `find out why, then: kubectl --namespace flux-system annotate helmrelease.helm.toolkit.fluxcd.io flux-instance ${mark}-`,
    },
  ])
})

test("the operator's release blocks a new operator alone, and what a tenant has suspended of nothing", async () => {
  const operator = suspended(fluxKinds.helmRelease, 'flux-operator')
  expect(await found(operator)).toEqual([])
  expect(await found(operator, true)).toHaveLength(1)
  expect(await found(suspended(fluxKinds.kustomization, 'shop'))).toEqual([])
})

// In a repository of other layout: no release, and a root with another name than the source.
const direct: FluxPlace = { namespace: 'flux-system', syncName: 'fleet', rootName: 'clusters', kustomizations: ['flux'] }

test.each([
  ['source', fluxKinds.gitRepository, 'fleet', 'source git fleet'],
  ['root', fluxKinds.kustomization, 'clusters', 'kustomization clusters'],
  ['Kustomization that applies Flux', fluxKinds.kustomization, 'flux', 'kustomization flux'],
])('the %s of another layout, suspended, blocks the run', async (_, kind, name, argument) => {
  expect((await found(suspended(kind, name), false, direct)).map(({ remedy }) => remedy)).toEqual([
    `find out why, then: flux --namespace flux-system resume ${argument}`,
  ])
})

test('a FluxInstance that its Kustomization leaves out blocks the run; where a release makes it, the mark says nothing', async () => {
  const instance = detached(fluxKinds.fluxInstance, 'flux', 'annotations')
  expect((await found(instance, false, direct)).map(({ remedy }) => remedy)).toEqual([
    `find out why, then: kubectl --namespace flux-system annotate fluxinstance.fluxcd.controlplane.io flux ${mark}-`,
  ])
  expect(await found(instance)).toEqual([])
})
