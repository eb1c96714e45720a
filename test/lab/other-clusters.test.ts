import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { type Kind, kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { bootstrappedLab, documentOf, type TestLab } from './harness.ts'

const namespace = 'flux-system'
let lab: TestLab
let cluster: Cluster

beforeAll(async () => {
  lab = await bootstrappedLab()
  cluster = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

const admission = (kind: string): Kind => ({ apiVersion: 'admissionregistration.k8s.io/v1', kind })

test('a lock that an admission policy refuses is reported before anyone consents, with what to do', async () => {
  const [policy, binding] = [admission('ValidatingAdmissionPolicy'), admission('ValidatingAdmissionPolicyBinding')].map((kind) => ({
    ...kind,
    name: 'kube-system-is-closed',
  }))
  if (policy === undefined || binding === undefined) return
  const leases = { apiGroups: ['coordination.k8s.io'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['leases'] }
  const matchConstraints = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
    resourceRules: [{ ...leases, resourceNames: ['flux-runbook'] }],
  }
  await cluster.apply(manifestOf(policy, { spec: { matchConstraints, validations: [{ expression: 'false', message: 'it is closed' }] } }))
  await cluster.apply(manifestOf(binding, { spec: { policyName: policy.name, validationActions: ['Deny'] } }))
  const lease = { ...kinds.lease, metadata: { namespace: 'kube-system', name: 'flux-runbook' } }
  const isRefused = (): Promise<boolean> =>
    cluster.create(parseObject(lease), undefined, { dryRun: true }).then(
      () => false,
      () => true,
    )
  await expect.poll(isRefused, { timeout: 60_000 }).toBe(true)

  const ended = await lab.run('recover', ['--lab', '--json'])
  expect(ended.code, ended.stderr).toBe(3)
  expect(documentOf(ended)).toMatchObject({ outcome: 'blocked' })
  expect(ended.stderr).toContain('the lock, Lease kube-system/flux-runbook, cannot be taken:')
  expect(ended.stderr).toContain('denied request: it is closed. Nothing was changed')
  expect(ended.stderr).toContain('name another namespace in LOCK_NAMESPACE')
  for (const ref of [binding, policy]) await cluster.remove(ref, { uid: (await cluster.get(ref))?.metadata.uid ?? '' })
})

test('a Rancher namespace, pods without a label of Flux’s, and what every namespace has: teardown goes its way, restore without marks', async () => {
  const ref = { ...kinds.namespace, name: namespace }
  const [project, auth] = ['field.cattle.io/projectId', 'controller.cattle.io/namespace-auth']
  const annotations = { [project]: 'c-m-1:p-1', 'lifecycle.cattle.io/create.namespace-auth': 'true' }
  await cluster.patch(ref, { metadata: { annotations, finalizers: [auth] } })
  for (const name of ['shop', 'web']) await cluster.apply(manifestOf({ ...kinds.namespace, name }))
  const all = (await cluster.list(kinds.namespace)).map(({ metadata }) => metadata.name).filter((name) => !name.startsWith('kube-'))
  for (const at of all)
    await cluster.apply(manifestOf({ ...kinds.configMap, namespace: at, name: 'istio-ca-root-cert' }, { data: { 'root-cert.pem': 'PEM' } }))
  await lab.kubectl('--namespace', namespace, 'label', 'pods', '--all', 'app.kubernetes.io/part-of-')
  const [pod] = await cluster.list(kinds.pod, { namespace, labels: 'app=helm-controller' })
  const { name = '' } = pod?.metadata ?? {}
  // It is asked to end, and is there until someone removes its finalizer.
  await cluster.patch({ ...kinds.pod, namespace, name }, { metadata: { finalizers: ['example.com/log-shipper'] } })

  const running = lab.start('teardown', ['--lab', '--yes', '--destroy=lab-infra', '--json'])
  await running.said(`Stop Flux's controllers: ${name} to end`)
  await cluster.patch({ ...kinds.pod, namespace, name }, { metadata: { finalizers: null } })
  // As Rancher, which takes its finalizer off once the deletion is asked for.
  await running.said(`Wait until the namespace ${namespace} is gone: what holds Namespace ${namespace} (finalizer ${auth})`)
  await cluster.patch(ref, { metadata: { finalizers: null } })
  const torn = await running.ended
  expect(torn.code, torn.stderr).toBe(0)
  expect(torn.stderr).toContain(`Namespace ${namespace} will be deleted once the owners of these finalizers have removed them: ${auth}`)
  expect(documentOf(torn)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })

  const file = /--from (\S+capture\.age)/.exec(torn.stderr)?.[1] ?? ''
  const restored = await lab.run('restore', ['--lab', '--yes', '--from', file])
  expect(restored.code, restored.stderr).toBe(0)
  expect((await cluster.get(ref))?.metadata.annotations).toMatchObject({ [project]: 'c-m-1:p-1' })
  expect(Object.keys((await cluster.get(ref))?.metadata.annotations ?? {})).not.toContain('lifecycle.cattle.io/create.namespace-auth')
})
