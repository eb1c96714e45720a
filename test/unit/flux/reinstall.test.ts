import { expect, test } from 'vitest'
import type { Installation } from '../../../lib/flux/installation.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { readReinstallation } from '../../../lib/flux/reinstall.ts'
import { kinds, type KubeObject, nameOf, parseObject, refOf } from '../../../lib/kubernetes/objects.ts'

const namespace = 'flux-system'
const source = { ...fluxKinds.gitRepository, namespace, name: 'flux-system' }
const root = { ...fluxKinds.kustomization, namespace, name: 'flux-system' }
const follows = { source, root, url: 'https://git.example.com/fleet.git', ref: 'refs/heads/main', appliesItself: true }
const installation: Installation = {
  installedBy: 'operator',
  version: '2.9.5',
  namespace,
  components: ['source-controller'],
  shards: [],
  shardLabel: 'sharding.fluxcd.io/key',
  expectsOperator: true,
  follows,
}
const operator = parseObject({
  ...kinds.deployment,
  metadata: {
    namespace,
    name: 'flux-operator',
    annotations: { 'meta.helm.sh/release-name': 'flux-operator', 'meta.helm.sh/release-namespace': namespace },
    labels: {
      'helm.sh/chart': 'flux-operator-0.59.0_0123456789ab',
      'helm.toolkit.fluxcd.io/name': 'flux-operator',
      'helm.toolkit.fluxcd.io/namespace': namespace,
    },
  },
  spec: { template: { spec: { containers: [{ name: 'manager', image: 'registry.example.com/flux-operator:v0.59.0' }] } } },
})
const rootAt = (path: string): KubeObject => parseObject({ ...fluxKinds.kustomization, metadata: root, spec: { path } })

/** The commands that are printed for a cluster of these objects. */
async function commandsOf(of: Partial<Installation>, ...objects: readonly KubeObject[]): Promise<readonly string[]> {
  const there = new Map(objects.map((object) => [nameOf(refOf(object)), object]))
  const cluster = { get: (ref: Parameters<typeof nameOf>[0]) => Promise.resolve(there.get(nameOf(ref))), list: () => Promise.resolve([]) }
  const flux = { instances: [], controllers: [], operators: of.installedBy === 'cli' ? [] : [operator] }
  const reach = { context: 'arn:aws:eks:eu-west-1:123:cluster/prod', kubeconfig: undefined }
  return (await readReinstallation(cluster, { ...installation, ...of }, flux, reach)).commands
}

test('a cluster that follows a tree of this project is bootstrapped from a checkout of it', async () => {
  const settings = parseObject({ ...kinds.configMap, metadata: { namespace, name: 'flux-settings' } })
  expect(await commandsOf({}, settings, rootAt('./kubernetes/clusters/infra'))).toEqual([
    'npx zx scripts/bootstrap.ts --cluster infra --context arn:aws:eks:eu-west-1:123:cluster/prod   # in a checkout of https://git.example.com/fleet.git',
  ])
})

test('a chart comes from where the HelmRelease has it, in a version that the registry knows', async () => {
  const release = parseObject({
    ...fluxKinds.helmRelease,
    metadata: { namespace, name: 'flux-operator' },
    spec: { chartRef: { kind: 'OCIRepository', name: 'operator-chart' } },
  })
  const chart = parseObject({
    ...fluxKinds.ociRepository,
    metadata: { namespace, name: 'operator-chart' },
    spec: { url: 'oci://registry.example.com/charts/flux-operator', insecure: true },
  })
  const place = '--create-namespace --namespace=flux-system --kube-context=arn:aws:eks:eu-west-1:123:cluster/prod'
  expect(await commandsOf({}, release, chart, rootAt('./clusters/infra'))).toEqual([
    `helm install flux-operator oci://registry.example.com/charts/flux-operator --plain-http --version=0.59.0 ${place}`,
  ])
  expect(await commandsOf({}, rootAt('./clusters/infra'))).toEqual([
    `helm install flux-operator oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator --version=0.59.0 ${place}`,
  ])
})

test.each([
  ['1m0s', ''],
  ['10m0s', ' --interval=10m0s'],
])('after a flux bootstrap that checks Git every %s, the command says%s', async (interval, flag) => {
  const git = parseObject({ ...fluxKinds.gitRepository, metadata: source, spec: { interval } })
  const [command] = await commandsOf({ installedBy: 'cli', expectsOperator: false }, git, rootAt('./clusters/infra'))
  expect(command?.split(' --version')[0]).toBe(
    `flux bootstrap git --url=https://git.example.com/fleet.git --branch=main --path=./clusters/infra${flag} --token-auth`,
  )
})
