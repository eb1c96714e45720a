import { stringify } from 'yaml'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { isTrue } from '../../lib/kubernetes/readiness.ts'
import { onChange } from '../../lib/kubernetes/watch.ts'
import { inParallel } from '../../lib/base/parallel.ts'
import type { TestLab } from './harness.ts'

const fluxNamespace = 'flux-system'
/** Where Flux deploys to. */
export const shop = 'shop'
/** Where a release is deployed to whose memory is in Flux's namespace. */
const elsewhere = 'elsewhere'

const pod = (name: string) => ({
  metadata: { labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'example.com/shop:1' }] },
})
const scaled = (kind: string, name: string, replicas: number) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { namespace: shop, name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: pod(name),
    ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
  },
})
const job = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { namespace: shop, name },
  spec: { template: { spec: { ...pod(name).spec, restartPolicy: 'Never' } } },
})

/** 197 workloads, a Service and a claim, most of them without pods: what counts is that they are there. */
function manifests(): unknown[] {
  const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))
  return [
    ...[shop, elsewhere].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...many(140, (at) => scaled('Deployment', `web-${at}`, at < 5 ? 1 : 0)),
    ...many(40, (at) => scaled('StatefulSet', `db-${at}`, at < 2 ? 1 : 0)),
    ...many(17, (at) => job(`import-${at}`)),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: shop, name: 'web' },
      spec: { selector: { app: 'web-0' }, ports: [{ port: 80 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: shop, name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ]
}

const chart = [
  { apiVersion: 'v2', name: 'app', version: '1.0.0' },
  {
    ...scaled('Deployment', '{{ .Release.Name }}-app', 0),
    metadata: { name: '{{ .Release.Name }}-app' },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: '{{ .Release.Name }}-hook', annotations: { 'helm.sh/hook': 'post-install,post-upgrade' } },
    data: { revision: '{{ .Release.Revision }}' },
  },
]

const release = (namespace: string, name: string, more: Record<string, unknown> = {}) => ({
  ...fluxKinds.helmRelease,
  metadata: { namespace, name },
  spec: {
    interval: '1h',
    chart: { spec: { chart: './workloads/chart', sourceRef: { kind: 'GitRepository', name: fluxNamespace, namespace: fluxNamespace } } },
    ...more,
  },
})

/** Three Helm releases: one whose memory is in Flux's namespace although it is deployed elsewhere, and all have a hook. */
const releases = [release(shop, 'plain'), release(shop, 'hooked'), release(fluxNamespace, 'far', { targetNamespace: elsewhere })]

const root = 'kubernetes/clusters/infra/kustomization.yaml'

/** Deploys 200 workloads through Flux, as a colleague would: by commits; waits until Flux has. */
export async function deployWorkloads(lab: TestLab, cluster: Cluster): Promise<void> {
  const documents = (objects: readonly unknown[]): string => objects.map((object) => stringify(object)).join('---\n')
  await lab.change('workloads/shop/all.yaml', () => documents([...manifests(), ...releases]))
  const [definition, ...templates] = chart
  await lab.change('workloads/chart/Chart.yaml', () => stringify(definition))
  await lab.change('workloads/chart/templates/all.yaml', () => documents(templates))
  const kustomization = {
    ...fluxKinds.kustomization,
    metadata: { namespace: fluxNamespace, name: shop },
    spec: { interval: '1h', prune: true, path: './workloads/shop', sourceRef: { kind: 'GitRepository', name: fluxNamespace } },
  }
  await lab.change('kubernetes/clusters/infra/shop.yaml', () => stringify(kustomization))
  await lab.change(root, (text) => `${text.trimEnd()}\n  - shop.yaml\n`)
  const source = { ...fluxKinds.gitRepository, namespace: fluxNamespace, name: fluxNamespace }
  await cluster.patch(source, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } })
  await untilDeployed(cluster)
}

/** Waits until Flux has applied and released it all. */
export async function untilDeployed(cluster: Cluster): Promise<void> {
  const deadline = Date.now() + 240_000
  const changes = onChange(cluster, [
    { kind: fluxKinds.helmRelease, query: {} },
    { kind: fluxKinds.kustomization, query: { namespace: fluxNamespace } },
  ])
  try {
    for (;;) {
      const missing = await notDeployed(cluster)
      if (missing.length === 0) return
      if (Date.now() > deadline) throw new Error(`not deployed: ${missing.join(', ')}`)
      await changes.next(5000)
    }
  } finally {
    changes.stop()
  }
}

/** What is not Ready yet. */
async function notDeployed(cluster: Cluster): Promise<string[]> {
  const kustomization = await cluster.get({ ...fluxKinds.kustomization, namespace: fluxNamespace, name: shop })
  const lists = await Promise.all(releases.map(({ metadata }) => cluster.get({ ...fluxKinds.helmRelease, ...metadata })))
  const named = [kustomization, ...lists]
  return named.flatMap((object, at) =>
    object === undefined ? [`${at} is missing`] : isTrue(object, 'Ready') ? [] : [nameOf(refOf(object))],
  )
}

/** Flux's own objects by the thousand: suspended, so that nobody is busy with them, and held by finalizers as all of them are. */
export async function makeFluxObjects(cluster: Cluster, namespaces: number, each: number): Promise<void> {
  const names = Array.from({ length: namespaces }, (_, at) => `tenant-${at}`)
  await inParallel(names, 16, (name) => cluster.apply(parseObject({ ...kinds.namespace, metadata: { name } })))
  const objects = names.flatMap((namespace) => Array.from({ length: each }, (_, at) => fluxObject(namespace, at)))
  await inParallel(objects, 32, (object) => cluster.create(object))
}

function fluxObject(namespace: string, at: number): KubeObject {
  const metadata = { namespace, name: `object-${at}`, finalizers: ['finalizers.fluxcd.io'] }
  const shared = { interval: '1h', suspend: true }
  const sourceRef = { kind: 'GitRepository', name: 'object-0' }
  const variants = [
    { ...fluxKinds.gitRepository, metadata, spec: { ...shared, url: 'https://example.com/tenant.git' } },
    { ...fluxKinds.kustomization, metadata, spec: { ...shared, prune: true, path: './', sourceRef } },
    { ...fluxKinds.helmRelease, metadata, spec: { ...shared, chart: { spec: { chart: './chart', sourceRef } } } },
    { ...fluxKinds.ociRepository, metadata, spec: { ...shared, url: 'oci://example.com/tenant' } },
  ]
  return parseObject(variants[at % variants.length])
}
