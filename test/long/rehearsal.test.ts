import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labAccess } from '../../lab/client.ts'
import { layoutOf } from '../../lab/layout.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { type Ended, script } from '../lab/harness.ts'
import { asOlder } from '../lab/other-trees.ts'

/** A copy of each tree in a lab of its own: installed or taken over, upgraded and back, torn down, rebuilt, lost and recovered. */
const trees = [
  { name: 'home', path: 'kubernetes/flux/cluster', hasOperator: true },
  { name: 'fleet', path: 'clusters/staging', hasOperator: true },
  { name: 'bootstrap', path: 'clusters/staging', hasOperator: false },
] as const

const versionSchema = v.object({ flux: v.object({ version: v.string() }) })

/** What a person adds to a tree of `flux bootstrap` to have flux-operator, with upstream's addresses. */
function operatorManifests(path: string): string {
  return `apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: flux-operator, namespace: flux-system}
spec:
  interval: 1h
  url: oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}
  ref: {tag: 0.59.0}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: flux-operator, namespace: flux-system}
spec:
  interval: 1h
  chartRef: {kind: OCIRepository, name: flux-operator}
---
apiVersion: fluxcd.controlplane.io/v1
kind: FluxInstance
metadata: {name: flux, namespace: flux-system}
spec:
  distribution: {version: 2.9.4, registry: ghcr.io/fluxcd, artifact: 'oci://ghcr.io/controlplaneio-fluxcd/flux-operator-manifests:v0.59.0'}
  components: [source-controller, kustomize-controller, helm-controller, notification-controller]
  sync: {kind: GitRepository, url: 'ssh://git@git.example/shop/fleet', ref: refs/heads/main, path: ${path}, pullSecret: flux-system}
`
}

describe.each(trees)('a copy of a tree in a public layout, $name', ({ name, path, hasOperator }) => {
  const home = mkdtempSync(join(tmpdir(), 'frb-lab-'))
  const run = async (command: string, ...args: string[]): Promise<Ended> => {
    const ended = await script(command, args, { home })
    expect(ended.code, `${command} ${args.join(' ')}\n${ended.stderr}`).toBe(0)
    return ended
  }
  const readyAll = async (): Promise<void> => {
    const wait = ['wait', 'kustomizations', '--all', '--all-namespaces', '--for=condition=Ready', '--timeout=5m']
    await run('lab', 'kubectl', '--', ...wait)
  }

  const gitHead = async (): Promise<string> => labGit('rev-parse', 'main')
  const changedSince = async (commit: string): Promise<string> => labGit('diff', '--stat', commit, 'main')
  const labGit = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', join(home, 'git', 'fleet.git'), ...args])).stdout.trim()
  const runs = async (): Promise<string | undefined> => {
    const { stdout } = await run('health-check', '--lab', '--json')
    return v.parse(v.pipe(v.string(), v.parseJson(), versionSchema), stdout).flux.version
  }

  const from = join(home, '..', `${basename(home)}-tree`)

  beforeAll(async () => {
    cpSync(join(projectRoot, 'test/fixtures/trees', name), from, { recursive: true })
    process.env.FLUX_LAB_HOME = home
    await run('lab', 'up', '--repository', from, '--path', path, '--flux', '2.9.4')
  })
  afterAll(async () => {
    await script('lab', ['down'], { home })
    for (const folder of [home, from]) rmSync(folder, { recursive: true, force: true })
  })

  if (hasOperator)
    test('bootstrap makes Flux Ready on all of it, and a second one has nothing to do', async () => {
      await run('bootstrap', '--lab', '--path', path, '--yes')
      await readyAll()
      await run('health-check', '--lab')
      expect((await run('bootstrap', '--lab', '--path', path, '--yes')).stderr).toContain('nothing to do: everything is as Git says')
    })

  if (!hasOperator)
    test('flux bootstrap makes Flux Ready on all of it', async () => {
      const { bin, kubeconfig, git } = await labAccess()
      const password = readFileSync(layoutOf(home).gitPassword, 'utf8')
      const login = ['--token-auth', '--allow-insecure-http', `--username=${git.username}`, `--password=${password}`, '--silent']
      const args = ['bootstrap', 'git', '--context=lab-infra', `--url=${git.url}`, '--branch=main', `--path=${path}`, ...login]
      await promisify(execFile)(join(bin, 'flux'), args, { env: { PATH: process.env.PATH, HOME: home, KUBECONFIG: kubeconfig } })
      await readyAll()
      await run('health-check', '--lab')
    })

  /** The person's tree as it is on disk, in the lab's Git, and followed. */
  const push = async (): Promise<void> => {
    await run('lab', 'push', '--overwrite')
    const { bin, kubeconfig } = await labAccess()
    const args = ['--context=lab-infra', 'reconcile', 'kustomization', 'flux-system', '--with-source', '--timeout=3m']
    await promisify(execFile)(join(bin, 'flux'), args, { env: { PATH: process.env.PATH, HOME: home, KUBECONFIG: kubeconfig } })
  }

  if (!hasOperator)
    test('what flux bootstrap wrote is that of 2.9.4', async () => {
      for (const file of ['gotk-components.yaml', 'gotk-sync.yaml', 'kustomization.yaml']) {
        const text = await labGit('show', `main:${path}/flux-system/${file}`)
        writeFileSync(join(from, path, 'flux-system', file), `${asOlder(text)}\n`)
      }
      await push()
      await run('lab', 'kubectl', '--', '--namespace=flux-system', 'rollout', 'status', 'deployment', '--timeout=3m')
      expect(await runs()).toBe('2.9.4')
    })

  test('upgrade changes the version where the tree has it, and rollback restores it', async () => {
    const before = await gitHead()
    await run('upgrade', '--lab', '--to', '2.9.5', '--no-image-check', '--yes')
    await readyAll() // what depends on others is tried again only at its interval
    expect(await runs()).toBe('2.9.5')
    await run('rollback', '--lab', '--no-image-check', '--yes')
    await readyAll()
    expect(await runs()).toBe('2.9.4')
    expect(await changedSince(before)).toBe('')
  })

  if (!hasOperator)
    test('flux-operator takes over what flux bootstrap has made, and all of it stays', async () => {
      writeFileSync(join(from, path, 'flux-operator.yaml'), operatorManifests(path))
      await run('lab', 'push', '--overwrite')
      const moved = await run('bootstrap', '--lab', '--path', path, '--take-over', '--yes')
      expect(moved.stderr).toContain(`git rm -r ${path}/flux-system`)
      rmSync(join(from, path, 'flux-system'), { recursive: true })
      await push()
      await readyAll()
      await run('health-check', '--lab')
    })

  test('rebuild takes Flux down and brings it back, with the workloads alive', async () => {
    await run('rebuild', '--lab', '--yes', '--destroy=lab-infra')
    await readyAll()
  })

  test('drill: all of Flux deleted is recovered from', async () => {
    await run('drill', '--lab', '--scenario', 'flux-deleted', '--yes', '--destroy=lab-infra')
    await readyAll()
  })

  test('teardown leaves the workloads alive', async () => {
    expect((await run('teardown', '--lab', '--yes', '--destroy=lab-infra')).stderr).toContain('Flux is removed from lab-infra.')
  })
})
