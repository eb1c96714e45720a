import { describe, expect, test } from 'vitest'
import { locateFlux } from '../../../../lib/commands/upgrade/locate.ts'
import { fluxKinds } from '../../../../lib/flux/kinds.ts'
import { refsIn } from '../../../../lib/flux/refs.ts'
import { type Cluster, clusterAt } from '../../../../lib/kubernetes/client.ts'
import { type Kind, kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../../lib/kubernetes/objects.ts'
import { socketEndpoint } from '../../../../lib/kubernetes/transport.ts'

const namespace = 'flux-system'
type Labels = Readonly<Record<string, string>>

function made(
  kind: Kind,
  name: string,
  more: { labels?: Labels; spec?: unknown; status?: unknown; managers?: readonly string[] } = {},
): KubeObject {
  const { labels = {}, spec = {}, status = {}, managers = [] } = more
  const managedFields = managers.map((manager) => ({ manager, operation: 'Apply' }))
  return parseObject({ ...kind, metadata: { name, namespace, labels, managedFields }, spec, status })
}

const by = (kind: 'kustomize' | 'helm', name: string): Labels => ({
  [`${kind}.toolkit.fluxcd.io/name`]: name,
  [`${kind}.toolkit.fluxcd.io/namespace`]: namespace,
})
const kustomization = (name: string, path: string, labels: Labels = {}, kind = 'GitRepository'): KubeObject =>
  made(fluxKinds.kustomization, name, { labels, spec: { path, sourceRef: { kind, name: 'fleet' } } })
const instance = (labels: Labels): KubeObject =>
  made(fluxKinds.fluxInstance, 'flux', {
    labels,
    spec: { distribution: { version: '2.9.4' } },
    status: { lastAppliedRevision: 'v2.9.4@sha256:x' },
  })
const source = made(fluxKinds.gitRepository, 'fleet', { spec: { url: 'https://git.example.com/fleet', ref: { branch: 'main' } } })
const crd = made(kinds.crd, 'kustomizations.kustomize.toolkit.fluxcd.io', {
  labels: { 'app.kubernetes.io/part-of': 'flux', 'app.kubernetes.io/version': 'v2.9.4' },
  managers: ['flux'],
})
const controller = (labels: Labels, managers: readonly string[] = ['kustomize-controller']): KubeObject =>
  made(kinds.deployment, 'source-controller', {
    labels: { 'app.kubernetes.io/part-of': 'flux', 'app.kubernetes.io/version': 'v2.9.4', ...labels },
    managers,
    spec: { template: { spec: { containers: [{ name: 'manager', image: 'ghcr.io/fluxcd/source-controller:v1.9.4' }] } } },
  })

function clusterWith(...objects: readonly KubeObject[]): Cluster {
  const patience = { milliseconds: 0, trouble: () => undefined, over: () => undefined }
  const all = [source, crd, ...objects]
  const isLabelled = ({ metadata }: KubeObject, labels: string): boolean =>
    labels.split(',').every((one) => metadata.labels[one.split('=')[0] ?? ''] === one.split('=')[1])
  return {
    ...clusterAt(socketEndpoint('/nowhere'), patience, new AbortController().signal),
    get: (ref) => Promise.resolve(all.find((one) => nameOf(refOf(one)) === nameOf({ namespace, ...ref }))),
    list: (kind, { labels = '' } = {}) =>
      Promise.resolve(all.filter((one) => one.kind === kind.kind && (labels === '' || isLabelled(one, labels)))),
  }
}

const located = (objects: readonly KubeObject[], of: 'flux' | 'operator' = 'flux') =>
  locateFlux(clusterWith(...objects), of, '--context prod')
const root = kustomization('fleet', './clusters/prod')

describe('a Flux that Git brings', () => {
  test('as a FluxInstance in the root’s own folder: the root is what applies it', async () => {
    const found = await located([root, instance(by('kustomize', 'fleet'))])
    expect(found).toMatchObject({ url: 'https://git.example.com/fleet', ref: 'refs/heads/main', folders: ['clusters/prod'] })
    expect(found.place).toEqual({ namespace, syncName: 'fleet', rootName: 'fleet', kustomizations: [], installs: 'instance' })
    expect(refsIn(found.place).applier).toMatchObject({ kind: 'Kustomization', name: 'fleet' })
  })

  test('as values of a HelmRelease, through two Kustomizations: each is waited for, and the HelmRelease applies it', async () => {
    const apps = kustomization('apps', 'apps/', by('kustomize', 'fleet'))
    const own = kustomization('flux', './apps/flux', by('kustomize', 'apps'))
    const release = made(fluxKinds.helmRelease, 'flux-instance', { labels: by('kustomize', 'flux') })
    const { place, folders } = await located([root, apps, own, release, instance(by('helm', 'flux-instance'))])
    expect(folders).toEqual(['clusters/prod', 'apps', 'apps/flux'])
    expect(place).toMatchObject({ rootName: 'fleet', kustomizations: ['apps', 'flux'], instanceRelease: 'flux-instance' })
    expect(refsIn(place).applier).toMatchObject({ kind: 'HelmRelease', name: 'flux-instance' })
  })

  test('as the manifests of flux bootstrap: the last Kustomization applies them', async () => {
    const self = kustomization('fleet', './clusters/prod', by('kustomize', 'fleet'))
    const { place, instance: none, controllers } = await located([self, controller(by('kustomize', 'fleet'))])
    expect(place).toMatchObject({ installs: 'manifests', kustomizations: [] })
    expect(none).toBeUndefined()
    expect(controllers.map(({ metadata }) => metadata.name)).toEqual(['source-controller'])
    expect(refsIn(place).instance).toBeUndefined()
  })

  test('with an operator of its own: its HelmRelease is found by its Deployment', async () => {
    const labels = { 'app.kubernetes.io/name': 'flux-operator', ...by('helm', 'operator') }
    const operator = made(kinds.deployment, 'flux-operator', { labels })
    const release = made(fluxKinds.helmRelease, 'operator', { labels: by('kustomize', 'fleet') })
    const objects = [root, operator, release, instance(by('kustomize', 'fleet'))]
    expect((await located(objects, 'operator')).place).toMatchObject({ operatorRelease: 'operator' })
  })
})

describe('refused, since Git does not say its version', () => {
  test.each([
    [
      'a FluxInstance that a person has applied',
      [root, instance({})],
      "FluxInstance flux-system/flux is applied by none of Flux's Kustomizations, so its version is not in Git",
    ],
    [
      'controllers of flux install',
      [root, controller({}, ['flux'])],
      "Deployment flux-system/source-controller is applied by none of Flux's Kustomizations, so its version is not in Git",
    ],
    [
      'an artifact as the source',
      [kustomization('fleet', '.', {}, 'OCIRepository'), instance(by('kustomize', 'fleet'))],
      'Kustomization flux-system/fleet reads OCIRepository flux-system/fleet, which is not a Git repository: the origin of its content is not known',
    ],
    [
      'what a ResourceSet makes',
      [
        root,
        made(fluxKinds.resourceSet, 'flux', { labels: by('kustomize', 'fleet') }),
        instance({
          'resourceset.fluxcd.controlplane.io/name': 'flux',
          'resourceset.fluxcd.controlplane.io/namespace': namespace,
        }),
      ],
      'FluxInstance flux-system/flux is made by ResourceSet flux-system/flux, which may set its version from another place',
    ],
    [
      'a Helm chart of others',
      [controller({}, ['Terraform'])],
      'Flux was installed by Terraform: its version is not one that Flux reads from Git',
    ],
  ])('%s', async (_, objects, message) => {
    await expect(located(objects)).rejects.toMatchObject({ kind: 'blocked', message })
  })

  test('no controller, of which only CustomResourceDefinitions are left', async () => {
    await expect(located([])).rejects.toMatchObject({
      kind: 'blocked',
      message: 'no controller of Flux is in this cluster',
      remedy: 'npx zx scripts/recover.ts --context prod',
    })
  })
})
