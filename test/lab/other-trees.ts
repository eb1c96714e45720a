import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { documentOf, type Ended, startLab, type TestLab } from './harness.ts'
import { namespace, newTags, oldTags, tags, unready, wanted } from './older-flux.ts'

/** The folder that the cluster follows: a tree of a person's own, beside this project's in the lab's Git. */
export const folder = 'fleet/prod'
export const operatorVersion = '0.59.0'

/** A lab with an empty cluster, which can run Flux 2.9.4 and 2.9.5, for trees of other layouts. */
export interface OtherTreeLab extends TestLab {
  /** What a person types at a shell, with the lab's programs on PATH. Returns what it says. */
  readonly type: (command: string) => Promise<string>
  /** What the lab's Git has. */
  readonly git: (...args: readonly string[]) => Promise<string>
  readonly infra: () => Promise<Cluster>
}

export async function startOtherTreeLab(): Promise<OtherTreeLab> {
  const lab = await startLab(['infra'], { olderFlux: ['2.9.4'] })
  const home = mkdtempSync(join(tmpdir(), 'frb-other-tree-'))
  return {
    ...lab,
    async type(command) {
      const { bin, kubeconfig } = await lab.access()
      const env = { PATH: [bin, process.env.PATH].join(delimiter), HOME: home, KUBECONFIG: kubeconfig }
      return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command], { cwd: home, env })).stdout
    },
    async git(...args) {
      const { home: at } = await lab.access()
      return execFileSync('git', ['-C', `${at}/git/fleet.git`, ...args], { encoding: 'utf8' }).trim()
    },
    infra: () => lab.cluster('lab-infra'),
    async close() {
      await lab.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** The FluxInstance of a person's own, as a manifest or, below `instance`, as values of its chart. */
export async function instanceSpec(lab: TestLab): Promise<string> {
  const { registry, git } = await lab.access()
  return `distribution:
  version: "2.9.4" # renovate: datasource=github-releases depName=fluxcd/flux2
  registry: ghcr.io/fluxcd
  artifact: oci://${registry}/flux-operator-manifests:v${operatorVersion}
components: [source-controller, kustomize-controller, helm-controller, notification-controller]
sync:
  kind: GitRepository
  interval: 1m
  url: ${git.url}
  ref: refs/heads/main
  path: ${folder}
  pullSecret: flux-git
`
}

export const indented = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(by))

/** Installs the operator with Helm, as its documentation has it, and gives Flux the login for Git. */
export async function installOperator(lab: OtherTreeLab): Promise<void> {
  const { registry, git } = await lab.access()
  const login = `--from-literal=username=${git.username} --from-literal=password=${git.password}`
  await lab.type(
    [
      `helm install flux-operator oci://${registry}/charts/flux-operator --version ${operatorVersion} --plain-http --kube-context lab-infra --namespace ${namespace} --create-namespace --set web.enabled=false`,
      `kubectl --context lab-infra --namespace ${namespace} create secret generic flux-git ${login}`,
    ].join('\n'),
  )
}

/** Writes manifests to a file, applies them as a person does, and waits until Flux follows its tree. */
export async function applyAndFollow(lab: OtherTreeLab, manifests: string): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'frb-manifests-'))
  writeFileSync(join(home, 'flux.yaml'), manifests)
  await lab.type(`kubectl --context lab-infra apply --server-side --filename ${home}/flux.yaml`)
  rmSync(home, { recursive: true })
  await lab.kubectl('--namespace', namespace, 'wait', 'fluxinstance/flux', '--for=condition=Ready', '--timeout=180s')
  await untilFollowed(lab)
}

/** Waits until the root Kustomization has applied the tree. */
export async function untilFollowed(lab: TestLab): Promise<void> {
  await lab.kubectl('--namespace', namespace, 'wait', '--for=create', 'kustomization/flux-system', '--timeout=120s')
  await lab.kubectl('--namespace', namespace, 'wait', 'kustomization/flux-system', '--for=condition=Ready', '--timeout=120s')
}

/**
 * An upgrade 2.9.4 → 2.9.5, and the rollback, after which Git is as it was.
 * @param file the one that says the version
 * @param flags of the upgrade
 */
export async function upgradeAndBack(
  lab: OtherTreeLab,
  file: string,
  ...flags: readonly string[]
): Promise<{ readonly there: Ended; readonly back: Ended }> {
  const infra = await lab.infra()
  const before = await lab.git('show', `main:${file}`)
  expect(await tags(infra)).toEqual(oldTags)
  const there = await lab.run('upgrade', [...wanted, ...flags])
  expect(there, there.stderr).toMatchObject({ code: 0 })
  expect(documentOf(there)).toMatchObject({ outcome: 'done', from: '2.9.4', to: '2.9.5' })
  expect(await tags(infra)).toEqual(newTags)
  expect(await lab.git('log', '-1', '--format=%s', 'main')).toBe('chore(flux): upgrade Flux to v2.9.5')
  const back = await lab.run('rollback', ['--lab', '--yes', '--json', '--no-image-check'])
  expect(back, back.stderr).toMatchObject({ code: 0 })
  expect(documentOf(back)).toMatchObject({ outcome: 'done', from: '2.9.5', to: '2.9.4' })
  expect(await tags(infra)).toEqual(oldTags)
  expect(await unready(infra)).toEqual([])
  expect(await lab.git('show', `main:${file}`)).toBe(before)
  const again = await lab.run('rollback', ['--lab', '--to', '2.9.4', '--dry-run', '--json'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  return { there, back }
}

/** A chart's source and release, as a person writes them. */
export async function release(lab: TestLab, chart: string, values: string): Promise<string> {
  const { registry } = await lab.access()
  return `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: ${chart}, namespace: ${namespace}}
spec:
  interval: 1h
  insecure: true
  url: oci://${registry}/charts/${chart}
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}
  ref: {tag: ${operatorVersion}} # renovate
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: ${chart}, namespace: ${namespace}}
spec:
  interval: 1h
  chartRef: {kind: OCIRepository, name: ${chart}}
  install: {disableWait: true}
  upgrade: {disableWait: true}
  values:
${indented(values, 4)}`
}

/** Where `flux bootstrap` writes the manifests of Flux for a cluster that follows this path. */
export const componentsOf = (path: string): string => `${path}/${namespace}/gotk-components.yaml`

/**
 * `flux bootstrap git` on the lab's Git, and then 2.9.4 in its files: the lab's flux CLI is that of 2.9.5, so that manifests of 2.9.4 are its own
 * with the images and labels of that version.
 */
export async function bootstrapOlder(lab: OtherTreeLab): Promise<void> {
  const { git } = await lab.access()
  const flags = `--branch=main --path=${folder} --token-auth --allow-insecure-http --silent`
  await lab.type(`GIT_PASSWORD=${git.password} flux bootstrap git --context=lab-infra --url=${git.url} --username=${git.username} ${flags}`)
  await lab.change(componentsOf(folder), asOlder)
  await lab.type(`flux --context=lab-infra reconcile kustomization flux-system --with-source`)
  await untilFollowed(lab)
  await lab.kubectl('--namespace', namespace, 'rollout', 'status', 'deployment', '--timeout=120s')
}

/** Manifests of Flux 2.9.5 as those of 2.9.4. */
export function asOlder(text: string): string {
  const images = oldTags.map((image) => image.split(':'))
  const withImages = images.reduce((all, [name, tag]) => all.replaceAll(new RegExp(`(/${name}):v[0-9.]+`, 'g'), `$1:${tag}`), text)
  return withImages.replaceAll('v2.9.5', 'v2.9.4')
}
