import { expect, test } from 'vitest'
import { parseObject } from '../../lib/cluster/objects.ts'
import { parseFluxObject } from '../../lib/health/flux-object.ts'
import type { Trouble } from '../../lib/health/probe.ts'
import { problems } from '../../lib/health/problems.ts'
import { diagnose } from '../../lib/recover/diagnosis.ts'
import type { Evidence } from '../../lib/recover/evidence.ts'

const namespace = 'flux-system'
const object = (kind: string, name: string, spec: object = {}) =>
  parseFluxObject({ metadata: { namespace, name }, spec }, { apiVersion: 'v1', kind }, true)
const objects = [
  object('HelmRelease', 'flux-operator'),
  object('HelmRelease', 'flux-instance'),
  object('GitRepository', namespace, { secretRef: { name: 'flux-git' } }),
]
const instance = (annotations: Record<string, string> = {}) =>
  parseObject({ apiVersion: 'fluxcd.controlplane.io/v1', kind: 'FluxInstance', metadata: { namespace, name: 'flux', annotations } })

const well: Evidence = {
  probed: [],
  namespace,
  isEmpty: false,
  hasCrds: true,
  hasOperator: true,
  instance: instance(),
  upgrade: undefined,
  controllers: { wanted: ['source-controller', 'helm-controller'], there: ['source-controller', 'helm-controller'] },
  objects: new Map(objects.map((one) => [one.name, one])),
}
const upgrade = { from: '2.9.4', to: '2.9.5' }
const old: Trouble = { object: 'Deployment x', reason: 'runs y; 0 of 1 pods available: ImagePullBackOff', problem: problems.oldVersion }
const seen = (id: string, ...troubles: readonly Trouble[]): Pick<Evidence, 'probed'> => ({
  probed: [{ id, title: id, state: 'fail', detail: '', objects: troubles }],
})

test.each<[string, Partial<Evidence>, string[]]>([
  ['nothing', {}, []],
  ['an empty cluster', { hasCrds: false, isEmpty: true, hasOperator: false, instance: undefined }, ['cluster-emptied']],
  ['one without CRDs', { hasCrds: false, hasOperator: false, instance: undefined }, ['flux-deleted']],
  [
    'neither operator nor controllers',
    { hasOperator: false, controllers: { ...well.controllers, there: [] } },
    ['operator-and-controllers-deleted'],
  ],
  ['no FluxInstance', { instance: undefined }, ['instance-deleted']],
  ['no operator', { hasOperator: false }, ['operator-deleted']],
  [
    'no operator and one controller less',
    { hasOperator: false, controllers: { ...well.controllers, there: ['helm-controller'] } },
    ['operator-deleted', 'controllers-deleted'],
  ],
  ['a controller less', { controllers: { ...well.controllers, there: ['helm-controller'] } }, ['controllers-deleted']],
  ['a suspended FluxInstance', { instance: instance({ 'fluxcd.controlplane.io/reconcile': 'disabled' }) }, ['instance-suspended']],
  ['no login for Git', seen('secrets', { object: 'Secret flux-system/flux-git', reason: 'does not exist' }), ['git-credentials-gone']],
  ["somebody else's Secret missing", seen('secrets', { object: 'Secret apps/shop', reason: 'does not exist' }), []],
  [
    'a login that Git refuses',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: 'GitOperationFailed: authentication required: Unauthorized',
    }),
    ['git-credentials-wrong'],
  ],
  [
    'a Git that does not answer',
    seen('sources', { object: 'GitRepository flux-system/flux-system', reason: 'GitOperationFailed: connection refused' }),
    [],
  ],
  ['no HelmRelease of the FluxInstance', { objects: new Map() }, ['instance-release-deleted']],
  [
    'a stalled FluxInstance',
    seen('instance', { object: 'FluxInstance flux-system/flux', reason: 'stalled', problem: problems.instanceFailing }),
    ['instance-stalled'],
  ],
  [
    'old controllers',
    seen('controllers', { object: 'Deployment x', reason: 'runs y', problem: problems.oldVersion }),
    ['controllers-outdated'],
  ],
  [
    'an upgrade that is under way',
    { upgrade, ...seen('controllers', { ...old, reason: 'runs y; the FluxInstance says x' }) },
    ['controllers-outdated'],
  ],
  ['one whose image cannot be pulled', { upgrade, ...seen('controllers', old) }, ['upgrade-broken']],
  [
    'one to a version that the operator does not know',
    { upgrade, ...seen('instance', { object: 'FluxInstance flux-system/flux', reason: 'stalled', problem: problems.instanceFailing }) },
    ['upgrade-broken'],
  ],
  [
    'one that was stopped by hand',
    { upgrade, instance: instance({ 'fluxcd.controlplane.io/reconcile': 'disabled' }), ...seen('controllers', old) },
    ['instance-suspended', 'controllers-outdated'],
  ],
  [
    'a release left pending',
    seen('helmreleases', {
      object: 'HelmRelease apps/shop',
      reason: 'Helm release shop is pending-upgrade at revision 7, and nobody is at work on it',
    }),
    ['release-pending'],
  ],
  [
    'a HelmRelease without its source',
    seen('helmreleases', { object: 'HelmRelease apps/shop', reason: 'needs OCIRepository apps/shop, which does not exist' }),
    [],
  ],
  ['a loop', seen('loop', { object: 'ConfigMap apps/shop', reason: 'was changed', problem: 'Recursive reconciliation loop' }), ['loop']],
])('%s', (_, evidence, ids) => {
  expect(diagnose({ ...well, ...evidence }).map(({ disaster }) => disaster.id)).toEqual(ids)
})

test('a loop that an earlier run has suspended is gone on with, though it cannot be seen any more', () => {
  expect(diagnose(well, ['loop']).map(({ disaster }) => disaster.id)).toEqual(['loop'])
})
