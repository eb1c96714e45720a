import { stringify } from 'yaml'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../lib/kubernetes/objects.ts'
import type { TestLab } from '../lab/harness.ts'
import { deployment } from './world.ts'

/** What the cluster's folder brings of Flux itself. */
const folder = 'kubernetes/clusters/infra'
const chart = 'kubernetes/charts/shelf'
const names = Array.from({ length: 50 }, (_, at) => `web-${at + 1}`)
const releases = ['books', 'maps', 'toys']

/** Commits fifty workloads and three Helm releases beside Flux itself, whose FluxInstance has the six controllers that the chart flux2 has. */
export async function commitShop(lab: TestLab): Promise<void> {
  const shelf = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}' }, data: { on: 'shelf' } }
  await lab.change(`${chart}/Chart.yaml`, () => stringify({ apiVersion: 'v2', name: 'shelf', version: '1.0.0' }))
  await lab.change(`${chart}/templates/shelf.yaml`, () => stringify(shelf))
  await lab.change(`${folder}/shop.yaml`, () =>
    [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, ...names.map(deployment), ...releases.map(release)]
      .map((object) => stringify(object))
      .join('---\n'),
  )
  await lab.change('kubernetes/infrastructure/gitops/flux-instance/base/helmrelease.yaml', (text) =>
    text.replace(/( +)- notification-controller\n/, '$&$1- image-reflector-controller\n$1- image-automation-controller\n'),
  )
  await bringFlux(lab, true)
}

/** Has Git bring the operator and its FluxInstance, or not; the workloads it brings anyway. */
export async function bringFlux(lab: TestLab, isBrought: boolean): Promise<void> {
  const resources = ['settings.yaml', ...(isBrought ? ['infrastructure.yaml'] : []), 'shop.yaml']
  await lab.change(`${folder}/kustomization.yaml`, () =>
    stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources }),
  )
}

const release = (name: string) => ({
  ...fluxKinds.helmRelease,
  metadata: { namespace: 'shop', name },
  spec: {
    interval: '10m',
    chart: {
      spec: { chart: `./${chart}`, sourceRef: { kind: fluxKinds.gitRepository.kind, namespace: 'flux-system', name: 'flux-system' } },
    },
  },
})

/** Waits until all of it is there. */
export async function untilShopRuns(lab: TestLab): Promise<void> {
  for (const name of releases) {
    await lab.kubectl('--namespace', 'shop', 'wait', '--for=create', `helmrelease/${name}`, '--timeout=180s')
  }
  await lab.kubectl('--namespace', 'shop', 'wait', 'helmreleases', '--all', '--for=condition=Ready', '--timeout=180s')
  await lab.kubectl('--namespace', 'shop', 'wait', 'deployments', '--all', '--for=condition=Available', '--timeout=300s')
}

/** The UIDs of what must stay the same: workloads, their pods, releases, what Flux follows, its CRDs and controllers. */
export async function uids(cluster: Cluster): Promise<Record<string, string | undefined>> {
  const shop = [kinds.deployment, kinds.pod, kinds.configMap, kinds.secret, fluxKinds.helmRelease]
  const flux = [fluxKinds.gitRepository, fluxKinds.kustomization, kinds.deployment]
  const all = await Promise.all([
    ...shop.map((kind) => cluster.list(kind, { namespace: 'shop' })),
    ...flux.map((kind) => cluster.list(kind, { namespace: 'flux-system' })),
    cluster.list(kinds.crd),
  ])
  return Object.fromEntries(all.flat().flatMap((one) => (isOperators(one) ? [] : [[nameOf(refOf(one)), one.metadata.uid]])))
}

/** What comes and goes with the operator. */
function isOperators({ metadata: { name } }: KubeObject): boolean {
  return name.startsWith('flux-operator') || name.startsWith('infra-gitops-') || name.endsWith('.fluxcd.controlplane.io')
}
