import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as v from 'valibot'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { kinds, type Ref } from '../../lib/kubernetes/objects.ts'
import { objective } from './failure-mode.ts'
import { bootstrappedLab, type Ended, type TestLab, untilRunning } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await bootstrappedLab()
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())
beforeEach(() => untilRunning(lab))

const documentSchema = v.object({
  outcome: v.string(),
  healthy: v.optional(v.boolean()),
  disasters: v.optional(v.array(v.object({ id: v.string(), because: v.string() })), []),
  steps: v.optional(v.array(v.object({ id: v.string(), state: v.string() })), []),
  probes: v.optional(v.array(v.object({ id: v.string(), state: v.string(), objects: v.optional(v.array(v.looseObject({})), []) })), []),
})
const documentOf = ({ stdout }: Ended): v.InferOutput<typeof documentSchema> =>
  v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)

const webhook: Ref = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: 'left-behind' }
const quota: Ref = { apiVersion: 'v1', kind: 'ResourceQuota', namespace, name: 'none' }
const account: Ref = { ...kinds.serviceAccount, namespace, name: 'kustomize-controller' }
const binding: Ref = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  name: `cluster-reconciler-${namespace}`,
}
const role: Ref = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: `crd-controller-${namespace}` }

/** A policy engine's, which was removed and left this behind: it refuses everything in Flux's namespace. */
const leftBehind = manifestOf(webhook, {
  webhooks: [
    {
      name: 'validate.policy.example.com',
      clientConfig: { service: { namespace: 'policy', name: 'gone' } },
      rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      timeoutSeconds: 2,
    },
  ],
})

test('a webhook left behind, a quota of 0, an account gone, operator and controllers at 0: each is named, and all are recovered in one run', async () => {
  const began = Date.now()
  const scaled = ['flux-operator', 'helm-controller']
  for (const name of scaled) await cluster.patch({ ...kinds.deployment, namespace, name }, { spec: { replicas: 0 } })
  await cluster.remove(account, { uid: (await cluster.get(account))?.metadata.uid ?? '' })
  await cluster.patch(role, { rules: [] })
  await cluster.remove(binding, { uid: (await cluster.get(binding))?.metadata.uid ?? '' })
  await cluster.apply(manifestOf(quota, { spec: { hard: { pods: '0' } } }))
  await cluster.apply(leftBehind)

  const checked = documentOf(await lab.run('health-check', ['--lab', '--json', '--only', 'namespace,webhooks,operator,inventory']))
  expect(checked.probes).toMatchObject([
    { id: 'operator', state: 'fail', objects: [{ reason: 'is scaled to 0: its work is not done' }] },
    {
      id: 'namespace',
      state: 'fail',
      objects: [{ object: 'ResourceQuota flux-system/none', reason: 'limits pods to 0: a deleted pod of Flux is not replaced' }],
    },
    {
      id: 'webhooks',
      state: 'fail',
      objects: [
        {
          object: 'ValidatingWebhookConfiguration left-behind',
          reason:
            'its webhook validate.policy.example.com refuses every write of everything: its Service policy/gone has no ready endpoint; including what Flux writes, such as Namespace flux-system',
        },
      ],
    },
    {
      id: 'inventory',
      state: 'fail',
      objects: expect.arrayContaining([
        expect.objectContaining({ object: 'ServiceAccount flux-system/kustomize-controller' }),
        expect.objectContaining({ object: `ClusterRole crd-controller-${namespace}`, reason: 'has no rules' }),
        expect.objectContaining({
          object: `ClusterRoleBinding cluster-reconciler-${namespace}`,
          reason: expect.stringContaining('does not exist'),
        }),
      ]),
    },
  ])

  // Someone put these two there: deleting them takes the consent that destroys.
  const refused = await lab.run('recover', ['--lab', '--yes', '--json'])
  expect(refused.code, refused.stderr).toBe(2)
  expect(refused.stderr).toContain('--destroy=lab-infra')
  expect(await cluster.get(webhook)).toBeDefined()

  const recovered = await lab.run('recover', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  expect(recovered.code, recovered.stderr).toBe(0)
  const { disasters, steps, healthy } = documentOf(recovered)
  expect(disasters.map(({ id }) => id)).toEqual(expect.arrayContaining(['webhook-orphaned', 'quota-zero', 'scaled-to-zero', 'parts-gone']))
  expect(steps.slice(0, 3).map(({ id, state }) => `${id} ${state}`)).toEqual([
    'obstacle-validatingwebhookconfiguration-left-behind done',
    'obstacle-resourcequota-none done',
    'scale-operator done',
  ])
  expect(healthy).toBe(true)
  expect([await cluster.get(webhook), await cluster.get(quota)]).toEqual([undefined, undefined])
  expect([await cluster.get(account), await cluster.get(binding)]).not.toContain(undefined)
  expect(Date.now() - began).toBeLessThan(objective)
})
