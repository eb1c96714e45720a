import { expect, test } from 'vitest'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import { inventory } from '../../../lib/health/probes/inventory.ts'
import { createSnapshot } from '../../../lib/health/snapshot.ts'
import { clusterAt } from '../../../lib/kubernetes/client.ts'
import { ApiError } from '../../../lib/kubernetes/http.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../lib/kubernetes/transport.ts'
import { keptByOperator } from '../kept-by-operator.ts'

const namespace = 'flux-system'
const name = 'flux-operator'
const deletion = { deletionTimestamp: '2026-11-30T00:00:00Z', finalizers: ['example.com/held'] }
const encoded = (text: string): string => Buffer.from(text).toString('base64')

/** Its status says that Helm's second revision is deployed. */
const release = (ready = 'True', metadata: object = {}): KubeObject =>
  parseObject({
    ...fluxKinds.helmRelease,
    metadata: { namespace, name, ...metadata },
    status: { conditions: [{ type: 'Ready', status: ready }], history: [{ name, version: 2, status: 'deployed' }] },
  })
const record = (text: string, metadata: object = {}): KubeObject =>
  parseObject({
    ...kinds.secret,
    metadata: { namespace, name: `sh.helm.release.v1.${name}.v2`, labels: { owner: 'helm', name, status: 'deployed' }, ...metadata },
    data: { release: encoded(encoded(text)) },
  })
const readable = JSON.stringify({ manifest: 'apiVersion: v1\nkind: Service\nmetadata: {name: flux-operator}\n' })
const service = parseObject({ apiVersion: 'v1', kind: 'Service', metadata: { namespace, name } })
const source = (metadata: object = {}): KubeObject =>
  parseObject({ ...fluxKinds.ociRepository, metadata: { namespace, name, ...metadata } })
const policy = (metadata: object = {}): KubeObject =>
  parseObject({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace, name: 'allow-egress', ...metadata } })
const instance = parseObject({
  ...fluxKinds.fluxInstance,
  metadata: { namespace, name: 'flux' },
  spec: { distribution: { version: '2.9.5', registry: 'registry.example.com' } },
  status: {
    inventory: {
      entries: [
        { id: `${namespace}_${name}_source.toolkit.fluxcd.io_OCIRepository`, v: 'v1' },
        { id: `${namespace}_allow-egress_networking.k8s.io_NetworkPolicy`, v: 'v1' },
      ],
    },
  },
})

const root = { namespace, name: 'flux-system' }
const follows = {
  source: { ...fluxKinds.gitRepository, ...root },
  root: { ...fluxKinds.kustomization, ...root },
  url: 'https://git.example.com/fleet.git',
  ref: 'refs/heads/main',
  appliesItself: false,
}

/** What the probe says of a Flux in which these objects are. */
async function found(...objects: readonly KubeObject[]): Promise<readonly string[]> {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const isHelms = ({ metadata: { labels } }: KubeObject, query: string): boolean =>
    query.split(',').every((one) => labels[one.split('=')[0] ?? ''] === one.split('=')[1])
  const cluster = {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: () => Promise.resolve(undefined),
    list: ({ kind }: { kind: string }, { labels = '' } = {}) =>
      Promise.resolve(objects.filter((one) => one.kind === kind && (labels === '' || isHelms(one, labels)))),
    collection: ({ kind }: { kind: string }) => Promise.resolve(kind),
    read(path: string) {
      if (!path.includes(' ')) return Promise.resolve({ items: objects.filter(({ kind }) => kind === path) })
      const live = objects.find((one) => path === `${one.kind} ${namespace}/${one.metadata.name}` || path === nameOf(refOf(one)))
      return live === undefined ? Promise.reject(new ApiError(404, 'NotFound', path)) : Promise.resolve(live)
    },
  }
  const options = { cluster, kubectl: 'kubectl', where: '', login: { kind: 'none' } as const, monitoring: undefined }
  const of = objects.filter(({ apiVersion }) => apiVersion.includes('fluxcd.io')).map((one) => parseFluxObject(one, refOf(one), true))
  const findings = await inventory.check({
    ...createSnapshot({ ...options, folder: () => '/nowhere' }),
    namespace: () => Promise.resolve(namespace),
    instance: () => Promise.resolve(instance),
    metadata: (ref) => Promise.resolve(objects.find((one) => nameOf(refOf(one)) === nameOf(ref))),
    installed: () => Promise.resolve(keptByOperator),
    installation: () => Promise.resolve({ ...keptByOperator, follows }),
    objects: () =>
      Promise.resolve({ all: of, byName: new Map(of.map((one) => [one.name, one])), kinds: new Set(['HelmRelease', 'Kustomization']) }),
    crds: () => Promise.resolve([]),
    deployments: () => Promise.resolve([]),
    pods: () => Promise.resolve([]),
  })
  return (findings.objects ?? []).map(({ object, reason, damage }) => `${object} ${reason} (${damage})`)
}

test('a Secret in which Helm keeps a release of Flux is missed; not while the release is being changed, nor where no HelmRelease is', async () => {
  expect(await found(release(), record(readable), service, source(), policy())).toEqual([])
  expect(await found(release(), source(), policy())).toEqual([
    'Secret flux-system/sh.helm.release.v1.flux-operator.v2 does not exist; HelmRelease flux-system/flux-operator says that Helm keeps its release in it (part-gone)',
  ])
  expect(await found(release('Unknown'), source(), policy())).toEqual([])
  expect(await found(source(), policy())).toEqual([])
})

test('one that Helm cannot read is named, and one that is being deleted', async () => {
  expect(await found(release(), record('not the right one'), source(), policy())).toEqual([
    'Secret flux-system/sh.helm.release.v1.flux-operator.v2 Helm cannot read the release of HelmRelease flux-system/flux-operator in it: it holds no release (release-unreadable)',
  ])
  expect(await found(release(), record(readable, deletion), service, source(), policy())).toEqual([
    'Secret flux-system/sh.helm.release.v1.flux-operator.v2 is being deleted since 2026-11-30T00:00:00Z, held by its finalizer example.com/held; Helm keeps HelmRelease flux-system/flux-operator in it (part-gone)',
  ])
})

test('a source, and a NetworkPolicy, that someone keeps from being deleted are missed before they are gone', async () => {
  expect(await found(source(deletion), policy(deletion))).toEqual([
    'OCIRepository flux-system/flux-operator is being deleted since 2026-11-30T00:00:00Z, held by its finalizer example.com/held; FluxInstance flux-system/flux has installed it (part-gone)',
    'NetworkPolicy flux-system/allow-egress is being deleted since 2026-11-30T00:00:00Z, held by its finalizer example.com/held; FluxInstance flux-system/flux has installed it (part-gone)',
  ])
})

test('a HelmRelease of Flux that is gone is missed by the Kustomization that has applied it', async () => {
  const entries = [{ id: `${namespace}_${name}_helm.toolkit.fluxcd.io_HelmRelease`, v: 'v2' }]
  const applier = (inventory: object): KubeObject =>
    parseObject({ ...fluxKinds.kustomization, metadata: { namespace, name: 'infra-operator' }, status: { inventory } })
  expect(await found(applier({ entries }), source(), policy())).toEqual([
    'HelmRelease flux-system/flux-operator does not exist; Kustomization flux-system/infra-operator has installed it (part-gone)',
  ])
  expect(await found(applier({ entries: [] }), source(), policy())).toEqual([])
})
