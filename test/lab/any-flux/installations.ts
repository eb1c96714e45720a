import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { kinds, type Ref } from '../../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../../lib/flux/kinds.ts'
import { instanceIn, usualNamespace as namespace } from '../../../lib/flux/refs.ts'
import { requestReconcile } from '../../../lib/flux/reconcile-request.ts'
import { commitOwnFiles, followOwnFiles, ownChild, ownFiles, ownPath } from './own-work.ts'
import type { World } from './world.ts'

/** One way in which people install Flux. */
export interface FluxKind {
  readonly installedBy: 'cli' | 'operator'
  /** Installs it by the tool that people have for it, and has it follow what is theirs. */
  readonly install: (world: World) => Promise<void>
  /** Has the same tool recreate what of it is gone. */
  readonly repair: (world: World) => Promise<unknown>
  /** The source that it follows. */
  readonly source: Ref & { readonly namespace: string }
  readonly shards: readonly string[]
  /** An object of Flux's kinds that Flux applies. */
  readonly child: Ref
  /** The probes that do not apply, beside that for alerts. */
  readonly without: readonly string[]
}

const charts = { operator: 'flux-operator', instance: 'flux-instance' } as const
const version = '0.59.0'
const ofOperator = { installedBy: 'operator', shards: [], child: ownChild, without: [] } as const

async function askOperator({ cluster }: World): Promise<void> {
  await requestReconcile(cluster, instanceIn(namespace))
}

async function waitFor({ lab }: World, object: string, at: string): Promise<void> {
  await lab.kubectl(`--namespace=${at}`, 'wait', object, '--for=condition=Ready', '--timeout=300s')
}

const fluxInstall: FluxKind = {
  installedBy: 'cli',
  async install(world) {
    await commitOwnFiles(world)
    await world.workstation.type(`flux install --context=${world.workstation.context}`)
    await followOwnFiles(world)
    await waitFor(world, 'kustomization/own', 'default')
  },
  async repair({ workstation }) {
    await workstation.type(`flux install --context=${workstation.context}`)
    await workstation.type(`flux reconcile kustomization own --namespace=default --context=${workstation.context}`)
  },
  source: { ...fluxKinds.gitRepository, namespace: 'default', name: 'own' },
  child: ownChild,
  shards: [],
  without: ['operator', 'instance'],
}

const fluxBootstrap: FluxKind = {
  installedBy: 'cli',
  async install(world) {
    await commitOwnFiles(world)
    const { git } = await world.lab.access()
    const flags = `--branch=main --path=${ownPath} --interval=1h --token-auth --allow-insecure-http --silent`
    await world.workstation.type(
      `flux bootstrap git --context=${world.workstation.context} --url=${git.url} --username=${git.username} --password="$GIT_PASSWORD" ${flags}`,
    )
    await waitFor(world, 'kustomization/flux-system', namespace)
  },
  repair: ({ workstation }) => workstation.type(`flux reconcile kustomization flux-system --context=${workstation.context}`),
  source: { ...fluxKinds.gitRepository, namespace, name: 'flux-system' },
  shards: [],
  child: ownChild,
  without: ['operator', 'instance'],
}

/** Installs the operator's chart, and that of its FluxInstance where values for it are given, as helmfile calls Helm. */
async function helmInstall(world: World, values: object | undefined): Promise<void> {
  const { workstation, lab } = world
  const { registry } = await lab.access()
  const install = async (chart: string, more: string): Promise<unknown> =>
    workstation.type(
      `helm upgrade --install ${chart} oci://${registry}/charts/${chart} --plain-http --version=${version} --kube-context=${workstation.context} --namespace=${namespace} --create-namespace --wait ${more}`,
    )
  await install(charts.operator, '--set=reporting.interval=1m')
  if (values === undefined) return
  writeFileSync(join(workstation.home, 'values.yaml'), stringify(values))
  await install(charts.instance, `--values='${join(workstation.home, 'values.yaml')}'`)
}

const helmfile: FluxKind = {
  ...ofOperator,
  async install(world) {
    await commitOwnFiles(world)
    const { git, registry } = await world.lab.access()
    const artifact = `oci://${registry}/flux-operator-manifests:v${version}`
    const sync = { kind: 'GitRepository', url: git.url, ref: 'refs/heads/main', path: ownPath, pullSecret: 'git-login', interval: '1h' }
    await world.lab.kubectl('create', 'namespace', namespace)
    await world.workstation.type(
      `kubectl --context=${world.workstation.context} --namespace=${namespace} create secret generic git-login --from-literal=username=${git.username} --from-literal=password="$GIT_PASSWORD"`,
    )
    await helmInstall(world, { instance: { distribution: { version: '2.9.5', artifact }, sync } })
    await waitFor(world, 'fluxinstance/flux', namespace)
    await waitFor(world, 'kustomization/flux-system', namespace)
  },
  repair: askOperator,
  source: { ...fluxKinds.gitRepository, namespace, name: 'flux-system' },
}

const insecure = 'apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: any}\nspec: {insecure: true}\n'

const ociWithShard: FluxKind = {
  ...ofOperator,
  async install(world) {
    const { workstation, lab } = world
    const { registry } = await lab.access()
    const folder = join(workstation.home, 'fleet')
    for (const [file, text] of Object.entries(ownFiles)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), text)
    }
    const artifact = `oci://${registry}/fleet`
    await workstation.type(
      `flux push artifact ${artifact}:latest --path='${folder}' --source=https://git.example.com/fleet.git --revision=main@sha1:0123456789012345678901234567890123456789 --insecure-registry`,
    )
    await helmInstall(world, undefined)
    const instance = {
      ...fluxKinds.fluxInstance,
      metadata: { name: 'flux', namespace },
      spec: {
        distribution: { version: '2.9.5', registry: 'ghcr.io/fluxcd', artifact: `oci://${registry}/flux-operator-manifests:v${version}` },
        sharding: { shards: ['shard1'] },
        sync: { kind: 'OCIRepository', url: artifact, ref: 'latest', path: ownPath, interval: '1h' },
        kustomize: { patches: [{ target: { kind: 'OCIRepository' }, patch: insecure }] },
      },
    }
    writeFileSync(join(workstation.home, 'instance.yaml'), stringify(instance))
    await workstation.type(`kubectl --context=${workstation.context} apply --filename='${join(workstation.home, 'instance.yaml')}'`)
    await waitFor(world, 'fluxinstance/flux', namespace)
    await waitFor(world, 'kustomization/flux-system', namespace)
  },
  repair: askOperator,
  source: { ...fluxKinds.ociRepository, namespace, name: 'flux-system' },
  shards: ['shard1'],
  without: ['revision'],
}

/** This repository's, which another checkout checks that has no folder for it; what is to survive follows the same source. */
const ours: FluxKind = {
  ...ofOperator,
  async install(world) {
    await commitOwnFiles(world)
    const ended = await world.lab.run('bootstrap', ['--lab', '--yes'])
    if (ended.code !== 0) throw new Error(ended.stderr)
    await followOwnFiles(world)
    await waitFor(world, 'kustomization/own', 'default')
  },
  repair: askOperator,
  source: { ...fluxKinds.gitRepository, namespace, name: 'flux-system' },
}

/** The ways in which people install Flux that the tests go through. */
export const installations = {
  'flux install': fluxInstall,
  'flux bootstrap git': fluxBootstrap,
  'helm install of both charts': helmfile,
  'a FluxInstance on an OCI artifact, with a shard': ociWithShard,
  'this repository': ours,
} as const satisfies Readonly<Record<string, FluxKind>>

/** The Deployment of a controller that recreates nothing. */
export const helmController: Ref = { ...kinds.deployment, namespace, name: 'helm-controller' }
