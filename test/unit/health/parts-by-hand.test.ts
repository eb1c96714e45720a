import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { partsOf } from '../../../lib/health/parts.ts'
import { findForeign } from '../../../lib/health/foreign-managers.ts'
import { type Snapshot, createSnapshot } from '../../../lib/health/snapshot.ts'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'

// What of Flux is only a person's to restore: it was installed by the flux CLI, or by Helm, and no object of Flux keeps it.
const namespace = 'flux-system'
const release = { 'meta.helm.sh/release-name': 'operator', 'meta.helm.sh/release-namespace': namespace }

function deployment(name: string, annotations: Record<string, string> = {}): KubeObject {
  return parseObject({
    ...kinds.deployment,
    metadata: { namespace, name, annotations, labels: { 'app.kubernetes.io/name': name } },
    spec: {
      template: {
        spec: { serviceAccountName: name, containers: [{ name: 'manager', image: `registry.example.com/flux/${name}:v1.9.5` }] },
      },
    },
  })
}

function snapshotOf(installedBy: 'cli' | 'operator', deployments: readonly KubeObject[], secrets: readonly KubeObject[] = []): Snapshot {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    list: () => Promise.resolve([...secrets]),
    get: () => Promise.resolve(undefined),
  }
  const where = '--context prod --kubeconfig /home/me/kube'
  const snapshot = createSnapshot({
    cluster,
    kubectl: 'kubectl',
    where,
    login: { kind: 'none' },
    folder: () => '/nowhere',
    monitoring: undefined,
  })
  const installed = {
    installedBy,
    version: '2.9.5',
    namespace,
    components: ['source-controller', 'notification-controller'],
    shards: [],
    shardLabel: 'sharding.fluxcd.io/key',
    expectsOperator: installedBy === 'operator',
  }
  return {
    ...snapshot,
    namespace: () => Promise.resolve(namespace),
    installed: () => Promise.resolve(installed),
    installation: () => Promise.resolve({ ...installed, follows: undefined }),
    instance: () => Promise.resolve(undefined),
    objects: () => Promise.resolve({ all: [], byName: new Map(), kinds: new Set() }),
    deployments: () => Promise.resolve(deployments),
  }
}

test('flux install keeps no list: the controllers need their accounts, Services and role, and the same command recreates them', async () => {
  const parts = await partsOf(snapshotOf('cli', [deployment('source-controller'), deployment('notification-controller')]))
  expect(parts.map(({ ref }) => nameOf(ref))).toEqual([
    'ServiceAccount flux-system/source-controller',
    'Service flux-system/source-controller',
    'ServiceAccount flux-system/notification-controller',
    'Service flux-system/notification-controller',
    'Service flux-system/webhook-receiver',
    'ClusterRole crd-controller-flux-system',
    'ClusterRoleBinding crd-controller-flux-system',
  ])
  const command =
    'flux install --version=v2.9.5 --components=source-controller,notification-controller --namespace=flux-system --registry=registry.example.com/flux --context prod --kubeconfig /home/me/kube'
  expect(new Set(parts.map(({ keeper }) => JSON.stringify(keeper)))).toEqual(new Set([JSON.stringify({ is: 'person', command })]))
})

test('what Helm has installed, by whatever release name, comes back by its rollback to the same revision', async () => {
  const manifest = 'apiVersion: v1\nkind: Service\nmetadata: {name: flux-operator}\n'
  const stored = Buffer.from(JSON.stringify({ manifest })).toString('base64')
  const secret = parseObject({
    ...kinds.secret,
    metadata: { namespace, name: 'sh.helm.release.v1.operator.v3', labels: { owner: 'helm', name: 'operator', version: '3' } },
    data: { release: Buffer.from(stored).toString('base64') },
  })
  const parts = await partsOf(snapshotOf('operator', [deployment('flux-operator', release)], [secret]))
  expect(parts).toEqual([
    {
      ref: { apiVersion: 'v1', kind: 'Service', namespace, name: 'flux-operator' },
      by: 'Helm release flux-system/operator',
      keeper: {
        is: 'person',
        command: 'helm rollback operator 3 --namespace flux-system --kube-context prod --kubeconfig /home/me/kube',
      },
    },
  ])
})

test.each([
  ['applied by kubectl', {}, []],
  ['applied by Flux', { 'helm.toolkit.fluxcd.io/name': 'flux-instance' }, ['kubectl-client-side-apply']],
])('a FluxInstance %s has owners that are not Flux: %j', async (_, labels, managers) => {
  const written = { manager: 'kubectl-client-side-apply', operation: 'Update', fieldsV1: { 'f:spec': { 'f:distribution': {} } } }
  const instance = parseObject({ ...fluxKinds.fluxInstance, metadata: { namespace, name: 'flux', labels, managedFields: [written] } })
  const snapshot = { ...snapshotOf('operator', []), crds: () => Promise.resolve([]), instance: () => Promise.resolve(instance) }
  expect((await findForeign(snapshot)).flatMap((one) => one.managers)).toEqual(managers)
})
