import { expect, test } from 'vitest'
import { awaitControllers, awaitOperator, ensureReleased } from '../../../../lib/commands/recover/steps/repair.ts'
import { ensureObstacleGone } from '../../../../lib/commands/recover/steps/remove-obstacle.ts'
import { ensureSecret } from '../../../../lib/commands/bootstrap/steps/secret.ts'
import type { Step } from '../../../../lib/runner/step.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { kinds, type KubeObject, parseObject, type Ref } from '../../../../lib/kubernetes/objects.ts'
import { clusterOf } from '../../fake-cluster.ts'
import { given, stage } from '../../run-stage.ts'

const namespace = 'flux-system'
const at = (ref: Omit<Ref, 'namespace' | 'name'>, name: string, more: object, metadata: object = {}): KubeObject =>
  parseObject({ ...ref, metadata: { namespace, name, ...metadata }, ...more })
const held = { deletionTimestamp: '2026-11-30T18:40:34Z', finalizers: ['example.com/billing'] }

const release = at(fluxKinds.helmRelease, 'flux-operator', { spec: { interval: '1m' } })
const instance = at(fluxKinds.fluxInstance, 'flux', { spec: {}, status: {} })
const secret = { ...kinds.secret, namespace, name: 'flux-git' }
const login = { id: 'git', title: 'x', namespace, name: 'flux-git', values: { username: 'me' }, command: '' }
const applier = at(fluxKinds.kustomization, 'infra-gitops', { spec: {} })

test.each<[string, Step, KubeObject, readonly KubeObject[]]>([
  ['the operator', awaitOperator(namespace), at(kinds.deployment, 'flux-operator', {}, held), [release]],
  ['a controller', awaitControllers(namespace, ['helm-controller']), at(kinds.deployment, 'helm-controller', {}, held), [instance]],
  [
    'a HelmRelease',
    ensureReleased(namespace, 'infra-gitops', 'flux-operator'),
    at(fluxKinds.helmRelease, 'flux-operator', {}, held),
    [applier],
  ],
  ['what blocks Flux', ensureObstacleGone(secret, 'u', ''), at(kinds.secret, 'flux-git', {}, { ...held, uid: 'u' }), []],
  ['a login', ensureSecret(login), at(kinds.secret, 'flux-git', {}, held), []],
])("recover waits for nothing while %s is held by someone else's finalizer", async (_, step, damaged, others) => {
  const world = { cluster: clusterOf(() => [damaged, ...others]) }
  const { result } = stage([step], given, undefined, {}, { world })
  const { failure } = await result
  expect(failure?.message).toContain(
    `${damaged.kind} flux-system/${damaged.metadata.name} is being deleted, and held by a finalizer that is not Flux's: example.com/billing`,
  )
})
