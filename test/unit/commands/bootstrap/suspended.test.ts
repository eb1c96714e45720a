import { expect, test } from 'vitest'
import { awaitInstanceReady } from '../../../../lib/commands/bootstrap/steps/chart.ts'
import { ensureTakenOver } from '../../../../lib/commands/bootstrap/steps/sync.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { kinds, type KubeObject, parseObject } from '../../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { stage } from '../../run-stage.ts'

const namespace = 'flux-system'
const bySomeone = { manager: 'kubectl-annotate', operation: 'Update', time: '2026-11-30T10:00:00Z' }
const isReady = {
  conditions: [{ type: 'Ready', status: 'True', reason: 'ReconciliationSucceeded', message: 'Reconciliation finished in 7s' }],
}

function instance(isDisabled: boolean): KubeObject {
  const annotation = 'fluxcd.controlplane.io/reconcile'
  const fieldsV1 = { 'f:metadata': { 'f:annotations': { [`f:${annotation}`]: {} } } }
  const disabled = { annotations: { [annotation]: 'disabled' }, managedFields: [{ ...bySomeone, fieldsV1 }] }
  return parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux', ...(isDisabled ? disabled : {}) },
    spec: { distribution: { version: '2.9.x' } },
    status: { lastAppliedRevision: 'v2.9.5@sha256:1', ...isReady },
  })
}

function controller(availableReplicas: number): KubeObject {
  return parseObject({
    ...kinds.deployment,
    metadata: { namespace, name: 'source-controller' },
    spec: { replicas: 1, selector: { matchLabels: { app: 'source-controller' } } },
    status: { replicas: 1, updatedReplicas: 1, availableReplicas },
  })
}

function release(name: string, isSuspended: boolean): KubeObject {
  const managedFields = [{ ...bySomeone, manager: 'flux', fieldsV1: { 'f:spec': { 'f:suspend': {} } } }]
  return parseObject({
    ...fluxKinds.helmRelease,
    metadata: { namespace, name, ...(isSuspended ? { managedFields } : {}) },
    spec: { suspend: isSuspended },
    status: { history: [{ chartVersion: '0.59.0+1' }], ...isReady },
  })
}

const checked = (objects: readonly KubeObject[]) => {
  const { run } = stage([], 'dry-run')
  const context = { ...run, cluster: clusterOf(() => objects) }
  const chart = (name: string) => ({ name, namespace, version: '0.59.0' })
  const own = { namespace, kustomizations: [], applied: [], operator: chart('flux-operator'), instance: chart('flux-instance') }
  return {
    instance: () => awaitInstanceReady(namespace).check(context),
    takeover: () => ensureTakenOver(own).check(context),
  }
}

test('a FluxInstance that is Ready is reported by its version, not by how long its operator took the last time', async () => {
  expect(await checked([instance(false), controller(1)]).instance()).toEqual({ is: 'done', detail: 'Flux 2.9.5 is Ready' })
})

test('a suspended FluxInstance keeps its Ready, and what is said of it is that it is suspended, and by whom', async () => {
  const suspended = 'FluxInstance flux-system/flux is suspended by kubectl-annotate (kubectl)'
  expect(await checked([instance(true), controller(1)]).instance()).toEqual({ is: 'done', detail: suspended })
  expect(await checked([instance(true), controller(0)]).instance()).toEqual({
    is: 'blocked',
    reason: `${suspended}, so its operator does not reconcile it`,
    remedy: 'npx zx scripts/recover.ts --context infra --resume-suspended FluxInstance/flux-system/flux',
  })
})

test('a Flux whose HelmRelease is suspended is not handed over to Git, and the command that resumes it is named', async () => {
  const [operator, instanceRelease] = [release('flux-operator', false), release('flux-instance', true)]
  expect(await checked([operator, instanceRelease]).takeover()).toEqual({
    is: 'blocked',
    reason: 'HelmRelease flux-system/flux-instance is suspended by flux (flux CLI): no change in Git gets past it',
    remedy: 'npx zx scripts/recover.ts --context infra --resume-suspended HelmRelease/flux-system/flux-instance',
  })
  expect(await checked([operator, release('flux-instance', false)]).takeover()).toMatchObject({ is: 'done' })
})

test.each([
  ['one that is gone is asked for, of who has applied it', [], isReady, ['flux-operator-of-git']],
  ['not while that is applying it', [], { conditions: [{ ...isReady.conditions[0], status: 'Unknown' }] }, []],
  ['one that is there is not', [release('flux-operator', false)], isReady, []],
])('of the HelmReleases that bootstrap waits for, %s', async (_, there, status, expected) => {
  const name = 'flux-operator-of-git'
  const applier = parseObject({ ...fluxKinds.kustomization, metadata: { namespace, name }, status })
  const asked: string[] = []
  const patch = (ref: { readonly name: string }): Promise<KubeObject> => {
    asked.push(ref.name)
    return Promise.resolve(applier)
  }
  const { run } = stage([], 'dry-run')
  const cluster = { ...clusterOf(() => [applier, ...there, release('flux-instance', false)]), patch }
  const chart = (of: string) => ({ name: of, namespace, version: '0.59.0', isRange: false })
  const own = { namespace, kustomizations: [], operator: chart('flux-operator'), instance: chart('flux-instance') }
  await ensureTakenOver({ ...own, applied: [{ object: release('flux-operator', false), by: name }] }).nudge?.({ ...run, cluster })
  expect(asked).toEqual(expected)
})
