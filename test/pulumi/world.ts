import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { stringify } from 'yaml'
import { layoutOf } from '../../lab/layout.ts'
import { pulumiVariables } from '../../lab/pulumi/tools.ts'
import { bringUpPulumi } from '../../lab/pulumi/up.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { type Ended, type Running, startLab, type TestLab } from '../lab/harness.ts'
import { recordingConsole } from '../recording-console.ts'

export const namespace = 'flux-system'
export const stack = 'infra'
/** What Git brings: no operator, only workloads. */
export const folder = './kubernetes/clusters/plain'
export const everything = ['--lab', '--cluster', 'plain', '--via', 'pulumi', '--yes', '--json'] as const

/** A lab with Pulumi, a project that is a copy of pulumi/, and its stack. */
export interface PulumiWorld {
  readonly lab: TestLab
  readonly cluster: Cluster
  /** The project's folder. */
  readonly project: string
  /** The environment of a person who uses the lab's Pulumi. */
  readonly env: Record<string, string>
  /** What the person types, with that environment. Throws where it fails. */
  readonly pulumi: (...args: readonly string[]) => Promise<string>
  readonly run: (script: string, args: readonly string[], more?: Record<string, string>) => Promise<Ended>
  readonly start: (script: string, args: readonly string[], more?: Record<string, string>) => Running
  readonly close: () => Promise<void>
}

/** @param version of Flux, which the chart has too */
export async function openPulumiWorld(version: string, clusters: readonly string[] = ['infra']): Promise<PulumiWorld> {
  const lab = await startLab(clusters, { olderFlux: ['2.7.0'] })
  const access = await lab.access()
  const layout = layoutOf(access.home)
  rmSync(join(layout.pulumi, 'state'), { recursive: true, force: true }) // the lab may be that of the file before, whose stack stayed locked
  await bringUpPulumi(layout, access.registry, recordingConsole().console)
  const placed = pulumiVariables(layout)
  if (placed === undefined) throw new Error('the lab has no Pulumi')
  const project = mkdtempSync(join(tmpdir(), 'frb pulumi '))
  copyProject(project)
  const env: Record<string, string> = {
    ...placed.variables,
    PATH: [placed.bin, access.bin, process.env.PATH].join(delimiter),
    KUBECONFIG: access.kubeconfig,
    PULUMI_STACK: stack,
    PULUMI_DIR: project,
    PULUMI_BUILD: 'npm run build',
  }
  const pulumi = async (...args: readonly string[]): Promise<string> => {
    const options = { cwd: project, env: { HOME: layout.childHome, ...env }, maxBuffer: 64 * 1024 * 1024 }
    const running = promisify(execFile)('pulumi', [...args, '--non-interactive', '--color', 'never'], options)
    running.child.stdin?.end()
    return (await running).stdout
  }
  await commitWorkloads(lab)
  await pulumi('stack', 'init', stack)
  await configure(pulumi, {
    'flux:chart': `oci://${access.registry}/charts/flux2`,
    'flux:chart_version': version,
    'flux:git_url': access.git.anonymousUrl,
    'flux:git_path': folder,
    'flux:known_hosts': 'git.example.com ssh-ed25519 AAAA',
  })
  for (const name of ['flux:ssh_private_key', 'github:token']) await pulumi('config', 'set', '--secret', name, 'a-secret', '--stack', stack)
  return {
    lab,
    cluster: await lab.cluster('lab-infra'),
    project,
    env,
    pulumi,
    run: (script, args, more) => lab.run(script, args, { ...env, ...more }),
    start: (script, args, more) => lab.start(script, args, { ...env, ...more }),
    async close() {
      await lab.close()
      rmSync(project, { recursive: true, force: true })
    },
  }
}

function copyProject(to: string): void {
  const from = join(projectRoot, 'pulumi')
  for (const name of ['Pulumi.yaml', 'package.json', 'tsconfig.json', 'index.ts', 'flux-bootstrap.ts', 'own-objects.ts'])
    cpSync(join(from, name), join(to, name))
  symlinkSync(join(from, 'node_modules'), join(to, 'node_modules'))
}

async function configure(pulumi: PulumiWorld['pulumi'], values: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(values)) await pulumi('config', 'set', name, value, '--stack', stack)
}

/** Two workloads, which a lost Flux must leave alive. */
async function commitWorkloads(lab: TestLab): Promise<void> {
  await lab.change('kubernetes/clusters/plain/kustomization.yaml', () => 'resources: [workloads.yaml]\n')
  await lab.change('kubernetes/clusters/plain/workloads.yaml', () =>
    [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, ...['web', 'api'].map(deployment)]
      .map((object) => stringify(object))
      .join('---\n'),
  )
}

export const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: 'shop', name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'example.com/shop:1' }] } },
  },
})

/**
 * A Flux 2.7.0 of six controllers as the flux CLI installs it, applied by `kubectl apply` of old, so that kubectl-client-side-apply is a manager
 * of each CRD, and following Git.
 */
export async function installByKubectl({ lab }: PulumiWorld): Promise<void> {
  const { bin, git, registry, home } = await lab.access()
  const chart = `oci://${registry}/charts/flux2`
  const env = { HOME: layoutOf(home).childHome, NO_PROXY: '127.0.0.1' }
  const args = ['template', 'flux', chart, '--version=2.7.0', `--namespace=${namespace}`, '--plain-http', '--no-hooks']
  const rendered = execFileSync(join(bin, 'helm'), args, { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const named = rendered
    .slice(rendered.indexOf('---\n')) // helm 4 prints first what it has pulled
    .replace(/name: (crd-controller|flux-edit|flux-view)$/gm, `name: $1-${namespace}`)
    .replace(`name: ${namespace}:flux-cluster-reconciler`, `name: cluster-reconciler-${namespace}`)
    .replace('name: flux-crd-controller', `name: crd-controller-${namespace}`)
  const files = join(home, 'by-kubectl')
  mkdirSync(files, { recursive: true })
  writeFileSync(join(files, 'flux.yaml'), named)
  const sync = [
    {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: namespace, namespace },
      spec: { interval: '1m', url: git.anonymousUrl, ref: { branch: 'main' } },
    },
    {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: namespace, namespace },
      spec: { interval: '10m', path: folder, prune: true, sourceRef: { kind: 'GitRepository', name: namespace } },
    },
  ]
  writeFileSync(join(files, 'sync.yaml'), sync.map((object) => stringify(object)).join('---\n'))
  await lab.kubectl('create', 'namespace', namespace)
  await lab.kubectl('apply', '-f', join(files, 'flux.yaml'))
  await lab.kubectl('wait', 'crds', '--all', '--for=condition=Established', '--timeout=120s')
  await lab.kubectl('apply', '-f', join(files, 'sync.yaml'))
  await lab.kubectl('--namespace', namespace, 'wait', 'kustomization', namespace, '--for=condition=Ready', '--timeout=600s')
}

const imageSchema = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }) }),
})

/** The controllers with their tags: `source-controller:v1.7.0`. */
export async function controllers(cluster: Cluster): Promise<string[]> {
  const found = await cluster.list(kinds.deployment, { namespace })
  return found.map((one) => v.parse(imageSchema, one).spec.template.spec.containers[0]?.image.replace(/^.*\//, '') ?? '').sort()
}

export const controllersOf27 = [
  'helm-controller:v1.4.0',
  'image-automation-controller:v1.0.1',
  'image-reflector-controller:v1.0.1',
  'kustomize-controller:v1.7.0',
  'notification-controller:v1.7.1',
  'source-controller:v1.7.0',
]
export const controllersOf29 = [
  'helm-controller:v1.6.4',
  'image-automation-controller:v1.2.5',
  'image-reflector-controller:v1.2.5',
  'kustomize-controller:v1.9.5',
  'notification-controller:v1.9.4',
  'source-controller:v1.9.5',
]

/** The UIDs of the workloads. */
export async function workloads(cluster: Cluster): Promise<string[]> {
  return (await cluster.list(kinds.deployment, { namespace: 'shop' })).map(({ metadata }) => `${metadata.name} ${metadata.uid}`)
}

/** Flux's CRDs, and those whose fields kubectl's client-side apply still owns. */
export async function crds(cluster: Cluster): Promise<{ readonly all: number; readonly legacy: readonly string[] }> {
  const flux = (await cluster.list(kinds.crd)).filter(({ metadata }) => metadata.name.endsWith('.toolkit.fluxcd.io'))
  const isLegacy = (managers: readonly { manager: string }[]): boolean =>
    managers.some(({ manager }) => manager === 'kubectl-client-side-apply')
  return { all: flux.length, legacy: flux.filter(({ metadata }) => isLegacy(metadata.managedFields)).map(({ metadata }) => metadata.name) }
}
