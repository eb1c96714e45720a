import { describe, expect, test } from 'vitest'
import { findFollowed } from '../../../lib/flux/followed.ts'
import { type FluxEvidence, installationField, judgeInstallation, shardDeployments } from '../../../lib/flux/installation.ts'
import { parseFluxObject } from '../../../lib/flux/object.ts'
import type { FluxObjects } from '../../../lib/flux/read-objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { shardsIn } from '../../../lib/flux/installer.ts'
import { cliFlags } from '../../../lib/flux/reinstall.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'

interface Made {
  readonly namespace?: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  readonly manager?: string
  readonly containers?: readonly string[]
  readonly args?: readonly string[]
}

/** A Deployment of a controller as `flux install` makes it, except for what is said. */
function controller(
  name: string,
  { namespace = 'flux-system', manager = 'flux', containers = ['manager'], args = [], ...made }: Made = {},
): KubeObject {
  const labels = { 'app.kubernetes.io/part-of': 'flux', 'app.kubernetes.io/version': 'v2.9.5', ...made.labels }
  const managedFields = [{ manager, operation: 'Apply' }]
  return parseObject({
    ...kinds.deployment,
    metadata: { name, namespace, labels, annotations: made.annotations ?? {}, managedFields },
    spec: { template: { spec: { containers: containers.map((container) => ({ name: container, args })) } } },
  })
}

function crd(name: string, component: string, version = 'v2.9.5', manager = 'flux'): KubeObject {
  const labels = {
    'app.kubernetes.io/part-of': 'flux',
    'app.kubernetes.io/instance': 'gitops',
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/version': version,
  }
  return parseObject({ ...kinds.crd, metadata: { name, labels, managedFields: [{ manager, operation: 'Apply' }] } })
}

const instance = parseObject({
  ...fluxKinds.fluxInstance,
  metadata: { name: 'flux', namespace: 'flux-system' },
  spec: { distribution: { version: '2.9.5' }, components: ['source-controller', 'kustomize-controller'], sharding: { shards: ['shard1'] } },
  status: { lastAppliedRevision: 'v2.9.5@sha256:abc' },
})
const operator = parseObject({ ...kinds.deployment, metadata: { name: 'flux-operator', namespace: 'flux-system' } })
const release = (name: string): Record<string, string> => ({
  'meta.helm.sh/release-name': name,
  'meta.helm.sh/release-namespace': 'flux-system',
})

function judge(evidence: Partial<FluxEvidence>): ReturnType<typeof judgeInstallation> {
  return judgeInstallation({ instances: [], operators: [], controllers: [], crds: [], ...evidence })
}

describe('how Flux was installed', () => {
  const both = (made: Made = {}): KubeObject[] => ['source-controller', 'kustomize-controller'].map((name) => controller(name, made))
  const all = ['source-controller', 'kustomize-controller', 'helm-controller', 'notification-controller']
  test.each<[string, ReturnType<typeof judge>['installedBy'], boolean, Partial<FluxEvidence>]>([
    ['nothing at all', 'none', true, {}],
    ['an operator and its FluxInstance', 'operator', true, { instances: [instance], operators: [operator], controllers: both() }],
    [
      'the operator gone, and what it made',
      'operator',
      true,
      { controllers: both({ labels: { 'app.kubernetes.io/managed-by': 'flux-operator' } }) },
    ],
    ["only the operator's CRDs", 'operator', true, { crds: [crd('fluxinstances.fluxcd.controlplane.io', '')] }],
    ['an operator that only keeps ResourceSets', 'cli', false, { operators: [operator], controllers: both() }],
    ['flux install', 'cli', false, { controllers: both() }],
    ['its manifests by kubectl', 'cli', false, { controllers: both({ manager: 'kubectl-client-side-apply' }) }],
    [
      'flux install, every Deployment deleted',
      'cli',
      false,
      { crds: [crd('kustomizations.kustomize.toolkit.fluxcd.io', 'kustomize-controller')] },
    ],
    ['a chart', 'helm', false, { controllers: both({ manager: 'helm', annotations: release('flux2') }) }],
    [
      'a chart by Terraform',
      'terraform',
      false,
      { controllers: both({ manager: 'terraform-provider-helm_v3.0.2_x5', annotations: release('flux2') }) },
    ],
    ['Pulumi', 'pulumi', false, { controllers: both({ manager: 'pulumi-kubernetes-a1b2' }) }],
    ['flux-aio', 'aio', false, { controllers: [controller('flux', { containers: all })] }],
    ['two of them', 'several', false, { controllers: [...both(), controller('source-controller', { namespace: 'other' })] }],
    ['an operator beside another', 'several', true, { instances: [instance], controllers: both({ namespace: 'other' }) }],
  ])('%s: %s', (_, installedBy, expectsOperator, evidence) => {
    expect(judge(evidence)).toMatchObject({ installedBy, expectsOperator })
  })

  test('its version, namespace and controllers, those that are gone too', () => {
    const crds = [
      crd('gitrepositories.source.toolkit.fluxcd.io', 'source-controller'),
      crd('helmreleases.helm.toolkit.fluxcd.io', 'helm-controller'),
      crd('imagepolicies.image.toolkit.fluxcd.io', 'image-reflector-controller', 'v2.6.0'), // left by an older one
    ]
    const components = ['source-controller', 'helm-controller']
    expect(judge({ crds, controllers: [controller('source-controller', { namespace: 'gitops' })] })).toMatchObject({
      version: '2.9.5',
      namespace: 'gitops',
      components,
    })
    expect(judge({ crds })).toMatchObject({ version: '2.9.5', namespace: 'gitops', components })
    expect(judge({})).toMatchObject({ version: undefined, namespace: 'flux-system', components: [], shards: [] })
  })

  test("its namespace is not the release that the operator's own definitions are labelled with, where no others are left", () => {
    const left = parseObject({
      ...kinds.crd,
      metadata: { name: 'resourcesets.fluxcd.controlplane.io', labels: { 'app.kubernetes.io/instance': 'flux-operator' } },
    })
    expect(judge({ crds: [left] })).toMatchObject({ namespace: 'flux-system' })
  })

  test('its shards: of a FluxInstance those that it asks for, else those that are there', () => {
    const asked = judge({ instances: [instance] })
    expect(asked).toMatchObject({ shards: ['shard1'], shardLabel: 'sharding.fluxcd.io/key' })
    expect(shardDeployments(asked).map(nameOf)).toEqual([
      'Deployment flux-system/source-controller-shard1',
      'Deployment flux-system/kustomize-controller-shard1',
    ])
    // All but notification-controller run for each shard, source-watcher since Flux 2.9.
    const components = ['notification-controller', 'image-reflector-controller', 'source-watcher']
    const ofImages = (version: string) => shardDeployments({ ...asked, components, version }).map(({ name }) => name)
    expect(ofImages('2.8.1')).toEqual(['image-reflector-controller-shard1'])
    expect(ofImages('2.9.0')).toEqual(['image-reflector-controller-shard1', 'source-watcher-shard1'])
    const several = controller('colours', { args: ['--watch-label-selector=sharding.fluxcd.io/key in (blue, green)'] })
    expect(judge({ controllers: [several] }).shards).toEqual([])
    expect(shardsIn(several)).toEqual(['blue', 'green'])
    const shard = controller('kustomize-controller-blue', { args: ['--watch-label-selector=sharding.fluxcd.io/key=blue'] })
    const main = controller('kustomize-controller', { args: ['--watch-label-selector=!sharding.fluxcd.io/key'] })
    expect(judge({ controllers: [main, shard] })).toMatchObject({
      shards: ['blue'],
      components: ['kustomize-controller'],
      installedBy: 'cli',
    })
  })
})

describe('the flags that recreate what flux install had made', () => {
  const place = { version: '2.9.5', namespace: 'gitops', components: ['source-controller', 'kustomize-controller'] }
  const pod = (deployment: KubeObject, more: object): KubeObject =>
    parseObject({
      ...deployment,
      spec: {
        template: {
          spec: {
            ...more,
            containers: [{ name: 'manager', image: 'registry.example.com/flux/source-controller:v1.9.5@sha256:abc', args: specArgs }],
          },
        },
      },
    })
  const specArgs = [
    '--watch-all-namespaces=false',
    '--log-level=debug',
    '--events-addr=http://notification-controller.gitops.svc.example.internal./',
  ]
  test('are read from its Deployments', () => {
    const made = pod(controller('source-controller', { namespace: 'gitops' }), {
      imagePullSecrets: [{ name: 'pull' }],
      tolerations: [{ key: 'node.example.com/infra', operator: 'Exists' }],
    })
    expect(cliFlags(place, [made], false)).toEqual([
      '--version=v2.9.5',
      '--components=source-controller,kustomize-controller',
      '--namespace=gitops',
      '--registry=registry.example.com/flux',
      '--watch-all-namespaces=false',
      '--network-policy=false',
      '--log-level=debug',
      '--cluster-domain=example.internal',
      '--image-pull-secret=pull',
      '--toleration-keys=node.example.com/infra',
    ])
  })
  test('are what is known where only its CustomResourceDefinitions are left', () => {
    expect(cliFlags({ ...place, version: undefined }, [], false)).toEqual([
      '--components=source-controller,kustomize-controller',
      '--namespace=gitops',
    ])
  })
})

describe('what it follows', () => {
  const kustomization = (name: string, namespace: string, source: object, by?: string): KubeObject =>
    parseObject({
      ...fluxKinds.kustomization,
      metadata: {
        name,
        namespace,
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: by === undefined ? {} : { 'kustomize.toolkit.fluxcd.io/name': by, 'kustomize.toolkit.fluxcd.io/namespace': namespace },
      },
      spec: { sourceRef: source },
    })
  const git = (name: string, namespace: string, ref: object): KubeObject =>
    parseObject({
      ...fluxKinds.gitRepository,
      metadata: { name, namespace },
      spec: { url: 'https://jane:secret@git.example.com/fleet.git', ref },
    })

  async function followed(objects: readonly KubeObject[], flux?: KubeObject): Promise<unknown> {
    const all = objects.map((object) => parseFluxObject(object, { apiVersion: object.apiVersion, kind: object.kind }, true))
    const read: FluxObjects = { all, byName: new Map(all.map((one) => [one.name, one])), kinds: new Set() }
    const cluster = {
      get: (ref: Parameters<typeof nameOf>[0]) => Promise.resolve(objects.find((one) => nameOf(refOf(one)) === nameOf(ref))),
    }
    const follows = await findFollowed(cluster, flux, 'flux-system', read)
    return installationField({ ...judge({}), follows }).follows
  }

  test('the Kustomization that applies itself before any other', async () => {
    const objects = [
      kustomization('a', 'flux-system', { kind: 'GitRepository', name: 'other' }),
      kustomization('fleet', 'flux-system', { kind: 'GitRepository', name: 'fleet' }, 'fleet'),
      kustomization('apps', 'flux-system', { kind: 'GitRepository', name: 'fleet' }, 'fleet'),
      git('fleet', 'flux-system', { branch: 'main' }),
    ]
    expect(await followed(objects)).toEqual({
      kind: 'GitRepository',
      namespace: 'flux-system',
      name: 'fleet',
      url: 'https://git.example.com/fleet.git',
      ref: 'refs/heads/main',
    })
  })
  test.each([
    [{ commit: 'abc' }, 'abc'],
    [{ semver: '>=1.0.0' }, '>=1.0.0'],
    [{ tag: 'v1' }, 'refs/tags/v1'],
    [{ name: 'refs/pull/1/head' }, 'refs/pull/1/head'],
    [{}, 'refs/heads/master'],
  ])('Git by %j', async (ref, reported) => {
    const objects = [kustomization('apps', 'team', { kind: 'GitRepository', name: 'shop' }), git('shop', 'team', ref)]
    expect(await followed(objects)).toMatchObject({ namespace: 'team', name: 'shop', ref: reported })
  })
  test('a bucket, and an artifact of a registry', async () => {
    const bucket = parseObject({
      ...fluxKinds.bucket,
      metadata: { name: 'fleet', namespace: 'flux-system' },
      spec: { endpoint: 'minio.example.com', bucketName: 'fleet' },
    })
    expect(await followed([kustomization('all', 'flux-system', { kind: 'Bucket', name: 'fleet' }), bucket])).toMatchObject({
      kind: 'Bucket',
      url: 'minio.example.com/fleet',
      ref: '',
    })
    const oci = parseObject({
      ...fluxKinds.ociRepository,
      metadata: { name: 'fleet', namespace: 'flux-system' },
      spec: { url: 'oci://registry.example.com/fleet', ref: { tag: 'latest' } },
    })
    const sync = { kind: 'OCIRepository', name: 'fleet', url: 'oci://registry.example.com/fleet', ref: 'latest' }
    const flux = parseObject({ ...instance, spec: { ...specOf(instance), sync } })
    expect(await followed([oci], flux)).toEqual({
      kind: 'OCIRepository',
      namespace: 'flux-system',
      name: 'fleet',
      url: 'oci://registry.example.com/fleet',
      ref: 'latest',
    })
    expect(await followed([], flux)).toMatchObject({ url: 'oci://registry.example.com/fleet', ref: 'latest' })
  })
  test('nothing', async () => {
    expect(await followed([])).toBeNull()
    expect(await followed([], instance)).toBeNull()
  })
})

function specOf(object: KubeObject): object {
  return typeof object.spec === 'object' && object.spec !== null ? object.spec : {}
}
