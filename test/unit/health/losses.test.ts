import { describe, expect, test } from 'vitest'
import { certificateEnds, tokenEnds } from '../../../lib/base/certificates.ts'
import { endingsIn } from '../../../lib/health/expiry.ts'
import type { ProbeFindings, Probe } from '../../../lib/health/probe.ts'
import { certificates } from '../../../lib/health/probes/certificates.ts'
import { inventory } from '../../../lib/health/probes/inventory.ts'
import { namespace as namespaceProbe } from '../../../lib/health/probes/namespace.ts'
import { describeRules, webhooks } from '../../../lib/health/probes/webhooks.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { type Cluster, clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { keptByOperator } from '../kept-by-operator.ts'

const namespace = 'flux-system'
/** Ends 2026-12-30T00:39:38Z. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBcjCCARmgAwIBAgIUEWJD9VKTgd5W6kyplNsaKA9sYfAwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMzAwMDM5MzhaFw0yNjEyMzAwMDM5Mzha
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATaZ8+8
E89kA1glfu2bZTqhI8pfVwL1giBnK/7qbW2gVpj2ulZyhUR7qCAbZgN69+OijK50
GrNrSEeubNDdv6bxo1MwUTAdBgNVHQ4EFgQUJxeOqnJlz3YvOSu9pNayTkI+zi8w
HwYDVR0jBBgwFoAUJxeOqnJlz3YvOSu9pNayTkI+zi8wDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNHADBEAiAiNenhUfB71Wl9UhXG3g7N/06NTDYJM3C5qTj8
EfjR2gIgR42VCssNWdqshGJuHe/VioHZPHfeyhFxv6HxhJ+8qAA=
-----END CERTIFICATE-----
`
const ends = Date.parse('2026-12-30T00:39:38Z')
const day = 24 * 60 * 60_000
const encoded = (text: string): string => Buffer.from(text).toString('base64')

/** A cluster of these objects alone. */
function clusterOf(objects: readonly KubeObject[]): Cluster {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const there = new Map(objects.map((object) => [nameOf(refOf(object)), object]))
  const isMeant = (object: KubeObject, labels: string): boolean =>
    labels.split(',').every((one) => one === '' || object.metadata.labels[one.split('=')[0] ?? ''] === one.split('=')[1])
  return {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: (ref) => Promise.resolve(there.get(nameOf(ref))),
    list: ({ kind }, { labels = '' } = {}) => Promise.resolve(objects.filter((one) => one.kind === kind && isMeant(one, labels))),
    collection: ({ kind }, { namespace: at }) => Promise.resolve(at === undefined ? kind : `${kind} ${at}`),
    read(path) {
      const [kind, at] = path.split(' ')
      if (!path.includes('/'))
        return Promise.resolve({ items: objects.filter((one) => one.kind === kind && (at === undefined || one.metadata.namespace === at)) })
      const live = there.get(path)
      return live === undefined ? Promise.reject(new ApiError(404, 'NotFound', path)) : Promise.resolve(live)
    },
  }
}

/** What the probe says of Flux in a cluster of these objects. */
function found(probe: Probe, objects: readonly KubeObject[], now = ends - 100 * day): Promise<ProbeFindings> {
  const cluster = clusterOf(objects)
  const snapshot = createSnapshot({
    cluster,
    kubectl: 'kubectl',
    where: '',
    login: { kind: 'none' },
    folder: () => '/nowhere',
    monitoring: undefined,
    now,
  })
  return probe.check({
    ...snapshot,
    namespace: () => Promise.resolve(namespace),
    installed: () => Promise.resolve(keptByOperator),
    installation: () => Promise.resolve({ ...keptByOperator, follows: undefined }),
    objects: () => Promise.resolve({ all: [], byName: new Map(), kinds: new Set() }),
    crds: () => Promise.resolve([]),
    deployments: () => Promise.resolve([]),
    pods: () => Promise.resolve([]),
  })
}

const home = parseObject({ ...kinds.namespace, metadata: { name: namespace } })
const service = { namespace: 'policy', name: 'policy' }
const everything = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }
const policy = (fields: object = {}): KubeObject =>
  parseObject({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'policy' },
    webhooks: [{ name: 'check.policy.io', clientConfig: { service }, rules: [everything], ...fields }],
  })

describe('webhooks', () => {
  test('one without an endpoint is named, with all that it refuses', async () => {
    expect(await found(webhooks, [home, policy()])).toEqual({
      state: 'fail',
      detail: '1 of 1 required webhooks cannot answer',
      objects: [
        {
          object: 'ValidatingWebhookConfiguration policy',
          reason:
            'its webhook check.policy.io refuses every write of everything: its Service policy/policy has no ready endpoint; including what Flux writes, such as Namespace flux-system',
          next: 'kubectl --namespace policy get service,endpointslices,pods; if its server will not come back: kubectl delete validatingwebhookconfiguration policy',
          damage: 'webhook-unanswered',
        },
      ],
    })
  })
  test('one that need not answer is none, and one that Flux is not asked about is to know of', async () => {
    expect(await found(webhooks, [home, policy({ failurePolicy: 'Ignore' })])).toMatchObject({ state: 'ok' })
    const rules = [{ ...everything, apiGroups: ['cert-manager.io'], resources: ['certificates'], operations: ['CREATE'] }]
    const other = await found(webhooks, [home, policy({ rules })])
    expect(other).toMatchObject({ state: 'warn' })
    expect(other.objects?.[0]?.reason).toContain('refuses CREATE of certificates.cert-manager.io: its Service')
  })
  test('one whose matchConditions may exclude Flux is a warning, and not an obstacle that would be deleted', async () => {
    const matchConditions = [{ name: 'not-flux', expression: "!request.namespace.startsWith('flux')" }]
    const seen = await found(webhooks, [home, policy({ matchConditions })])
    expect(seen).toMatchObject({ state: 'warn', objects: [{ reason: expect.stringContaining('its matchConditions decide') }] })
    expect(seen.objects?.[0]).not.toHaveProperty('damage')
  })
  test('many resources are cut short', () => {
    const rule = { ...everything, scope: '*', apiGroups: ['', 'apps'], resources: ['a', 'b'], operations: ['CREATE', 'UPDATE'] }
    expect(describeRules({ rules: [rule] })).toBe('CREATE, UPDATE of a, b, a.apps and 1 more')
  })
})

describe('certificates', () => {
  const claims = Buffer.from(JSON.stringify({ exp: ends / 1000 })).toString('base64url')
  test('are read from PEM, and tokens from their claims', () => {
    expect(certificateEnds(`${certificate}${certificate}`)).toEqual([ends, ends])
    expect(certificateEnds('-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----')).toEqual([])
    expect(tokenEnds(`token: eyJhbGciOiJSUzI1NiJ9.${claims}.c2ln`)).toEqual([ends])
  })
  test('are found in a kubeconfig too', () => {
    const kubeconfig = `client-certificate-data: ${encoded(certificate)}\ntoken: eyJh.${claims}.c2ln\n`
    const secret = parseObject({ ...kinds.secret, metadata: { name: 'x' }, data: { value: encoded(kubeconfig), password: encoded('x') } })
    expect(endingsIn(secret)).toEqual([
      { what: 'the certificate in value', end: ends },
      { what: 'the token in value', end: ends },
    ])
  })
  test('so is the token of a ServiceAccount that Kubernetes has put out of use', () => {
    const labels = { 'kubernetes.io/legacy-token-invalid-since': '2026-11-01' }
    const secret = parseObject({ ...kinds.secret, metadata: { name: 'x', labels }, data: { token: encoded('opaque') } })
    expect(endingsIn(secret)).toEqual([
      { what: "the ServiceAccount's token, which was not used for a year,", end: Date.parse('2026-11-01') },
    ])
  })
  test.each([
    [ends - 15 * day, 'ok', '1 checked, none expires within 14 days'],
    [ends - 13 * day, 'warn', '0 expired, 1 with a warning, of 1'],
    [ends + 1, 'fail', '1 expired, 0 with a warning, of 1'],
  ])('of a webhook at %s are %s', async (now, state, detail) => {
    const clientConfig = { service, caBundle: encoded(certificate) }
    expect(await found(certificates, [home, policy({ clientConfig })], now)).toMatchObject({ state, detail })
  })
  test.each([
    ['are about nothing that Flux writes', { rules: [{ ...everything, apiGroups: ['cert-manager.io'], resources: ['certificates'] }] }],
    ['have conditions', { matchConditions: [{ name: 'not-flux', expression: 'false' }] }],
  ])('of a webhook whose rules %s is a warning: it is not an obstacle that would be deleted', async (_, fields) => {
    const clientConfig = { service, caBundle: encoded(certificate) }
    const seen = await found(certificates, [home, policy({ clientConfig, ...fields })], ends + 1)
    expect([seen.state, seen.objects?.[0]?.damage]).toEqual(['warn', undefined])
  })
})

describe('the namespace', () => {
  test.each([
    [{ pods: '0' }, 'fail', 'limits pods to 0: a deleted pod of Flux is not replaced'],
    [{ 'limits.memory': '0Mi' }, 'fail', 'limits limits.memory to 0Mi: a deleted pod of Flux is not replaced'],
    [{ pods: '10', 'count/jobs.batch': '0' }, 'ok', undefined],
  ])('with a quota of %j is %s', async (hard, state, reason) => {
    const quota = parseObject({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace, name: 'none' }, spec: { hard } })
    const { objects, ...said } = await found(namespaceProbe, [home, quota])
    expect([said.state, objects?.[0]?.reason]).toEqual([state, reason])
  })
  test.each([
    ['without requests', { scopes: ['BestEffort'] }, 'ok'],
    [
      'of a priority class',
      { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['gpu'] }] } },
      'ok',
    ],
    ['that run without end', { scopes: ['NotTerminating'] }, 'fail'],
  ])('with a quota of 0 for pods %s is %s', async (_, spec, state) => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace, name: 'none' }, spec: { hard: { pods: '0' }, ...spec } }
    expect(await found(namespaceProbe, [home, parseObject(quota)])).toMatchObject({ state })
  })
})

describe('installed objects', () => {
  const group = 'rbac.authorization.k8s.io'
  const entries = [
    { id: `${namespace}_source-controller__ServiceAccount`, v: 'v1' },
    { id: `_crd-controller-${namespace}_${group}_ClusterRole`, v: 'v1' },
    { id: `_cluster-reconciler-${namespace}_${group}_ClusterRoleBinding`, v: 'v1' },
  ]
  const instance = parseObject({
    ...fluxKinds.fluxInstance,
    metadata: { namespace, name: 'flux' },
    spec: { distribution: { version: '2.9.5', registry: 'registry.example.com' } },
    status: { inventory: { entries } },
  })
  const labels = { 'fluxcd.controlplane.io/name': 'flux' }
  const account = parseObject({ ...kinds.serviceAccount, metadata: { namespace, name: 'source-controller', labels } })
  const role = parseObject({
    apiVersion: `${group}/v1`,
    kind: 'ClusterRole',
    metadata: { name: `crd-controller-${namespace}` },
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
  })
  const subject = { kind: 'ServiceAccount', namespace, name: 'source-controller' }
  const binding = parseObject({
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: `cluster-reconciler-${namespace}` },
    roleRef: { kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [subject],
  })
  /** The probe reads metadata by path, which the cluster of this test makes of kind and namespace. */
  const served = (objects: readonly KubeObject[]): Promise<ProbeFindings> => {
    const cluster = clusterOf(objects)
    const snapshot = createSnapshot({
      cluster,
      kubectl: 'kubectl',
      where: '',
      login: { kind: 'none' },
      folder: () => '/nowhere',
      monitoring: undefined,
    })
    return inventory.check({
      ...snapshot,
      cluster: {
        ...cluster,
        read(path) {
          const [kind = '', rest = ''] = path.split(' ')
          const live = objects.find((one) => one.kind === kind && `${one.metadata.namespace}/${one.metadata.name}` === rest)
          return live === undefined ? Promise.reject(new ApiError(404, 'NotFound', path)) : Promise.resolve(live)
        },
      },
      namespace: () => Promise.resolve(namespace),
      installed: () => Promise.resolve(keptByOperator),
      installation: () => Promise.resolve({ ...keptByOperator, follows: undefined }),
      objects: () => Promise.resolve({ all: [], byName: new Map(), kinds: new Set() }),
      deployments: () => Promise.resolve([]),
      pods: () => Promise.resolve(objects.filter(({ kind }) => kind === kinds.pod.kind)),
    })
  }
  const reasons = async (...objects: readonly KubeObject[]): Promise<(string | undefined)[]> =>
    ((await served([instance, ...objects])).objects ?? []).map(({ object, reason, damage }) => `${object} ${reason} (${damage ?? 'none'})`)

  test('are all there', async () => {
    expect(await served([instance, account, role, binding])).toEqual({ state: 'ok', detail: 'all 3 exist' })
  })
  test('a ServiceAccount that is gone is named, and so is the binding that names it', async () => {
    expect(await reasons(role, binding)).toEqual([
      'ServiceAccount flux-system/source-controller does not exist; FluxInstance flux-system/flux has installed it (part-gone)',
      'ClusterRoleBinding cluster-reconciler-flux-system binds only ServiceAccounts that do not exist: flux-system/source-controller (part-emptied)',
    ])
  })
  test('a pod is named whose ServiceAccount was recreated after it started; not one that came after it, nor one that nothing recreates, nor another owner’s', async () => {
    const at = (time: string): string => `2026-11-30T02:${time}Z`
    const recreated = { ...account, metadata: { ...account.metadata, creationTimestamp: at('10:00') } }
    const pod = (name: string, time: string, ownerReferences: object[], image = 'ghcr.io/fluxcd/source-controller:v1.9.5'): KubeObject =>
      parseObject({
        ...kinds.pod,
        metadata: { namespace, name, uid: name, creationTimestamp: at(time), ownerReferences },
        spec: { serviceAccountName: account.metadata.name, containers: [{ name: 'manager', image }] },
      })
    const owner = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'source-controller-1' }]
    expect(
      await reasons(
        recreated,
        role,
        binding,
        pod('old', '09:59', owner),
        pod('new', '10:00', owner),
        pod('alone', '09:00', []),
        pod('tenants', '09:59', owner, 'example.com/shop:1'),
      ),
    ).toEqual([
      'Pod flux-system/old its ServiceAccount source-controller was recreated after it started: the API refuses its token (Unauthorized) (stale-token)',
    ])
  })
  test('a role without rules, and a binding of nobody, are named', async () => {
    expect(await reasons(account, { ...role, rules: [] }, { ...binding, subjects: [] })).toEqual([
      'ClusterRole crd-controller-flux-system has no rules (part-emptied)',
      'ClusterRoleBinding cluster-reconciler-flux-system binds no one (part-emptied)',
    ])
  })
  test('one that is being deleted is named with what holds it, and one that someone else wrote to is to know of', async () => {
    const held = { ...account.metadata, deletionTimestamp: '2026-11-30T00:00:00Z', finalizers: ['example.com/held'] }
    expect(await reasons({ ...account, metadata: held }, role, binding)).toEqual([
      'ServiceAccount flux-system/source-controller is being deleted since 2026-11-30T00:00:00Z, held by its finalizer example.com/held; FluxInstance flux-system/flux has installed it (part-gone)',
    ])
    const managedFields = [{ manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:imagePullSecrets': {} } }]
    expect(await reasons(parseObject({ ...account, metadata: { ...account.metadata, managedFields } }), role, binding)).toEqual([
      'ServiceAccount flux-system/source-controller fields of it belong to kubectl-edit, not to Flux (part-altered)',
    ])
  })
})
