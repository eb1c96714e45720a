import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { ensureExecutables } from '../../lab/build/executables.ts'
import { packageFluxChart } from '../../lab/pulumi/chart.ts'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { createConsole } from '../../lib/terminal/console.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { documentOf, type Ended, startLab, type TestLab } from './harness.ts'

// Pulumi's command line is a stand-in here (test/fixtures/pulumi), which applies what the component asks for: what the real engine does,
// test/pulumi/ sees.
const root = mkdtempSync(join(tmpdir(), 'frb-pulumi-'))
const [state, project] = [join(root, 'state'), join(root, 'project')]
const passphrase = 'canary-of-the-passphrase'
let lab: TestLab
let cluster: Cluster
let operatorConfig: string

beforeAll(async () => {
  mkdirSync(state)
  mkdirSync(project)
  lab = await startLab(['infra'])
  cluster = await lab.cluster('lab-infra')
  const { anonymousUrl } = (await lab.access()).git
  const executables = await ensureExecutables(createConsole({ clean: (text) => text }))
  operatorConfig = executables.operatorConfig
  await packageFluxChart('2.9.5', { operatorConfig, target: state, helm: executables.helm })
  const secrets = ['flux-git', 'github-token'].map((name) => ({ ...own(kinds.secret, name), stringData: { token: 'a-secret' } }))
  const toYaml = (objects: readonly object[]): string => objects.map((object) => stringify(object)).join('---\n')
  writeFileSync(join(state, 'before-chart.yaml'), toYaml([{ ...kinds.namespace, metadata: { name: 'flux-system' } }, ...secrets]))
  const source = { ...own(fluxKinds.gitRepository), spec: { interval: '1m', url: anonymousUrl, ref: { branch: 'main' } } }
  const sourceRef = { kind: 'GitRepository', name: 'flux-system' }
  const root = { ...own(fluxKinds.kustomization), spec: { interval: '10m', path: './kubernetes/clusters/plain', prune: true, sourceRef } }
  writeFileSync(join(state, 'after-chart.yaml'), toYaml([source, root]))
})
afterAll(async () => {
  await lab.close()
  rmSync(root, { recursive: true, force: true })
})

/** As the component makes it (pulumi/flux-bootstrap.ts). */
function own(kind: { apiVersion: string; kind: string }, name = 'flux-system') {
  const labels = { 'app.kubernetes.io/part-of': 'flux', 'app.kubernetes.io/instance': 'flux-system' }
  const { apiVersion, kind: called } = kind
  return { apiVersion, kind: called, metadata: { name, namespace: 'flux-system', ...(called === 'Secret' ? { labels } : {}) } }
}

function configured(config: Record<string, { value?: string; secret: boolean }>): void {
  writeFileSync(join(state, 'config.json'), JSON.stringify(config))
}
/** The ConfigMap that Flux applies, with its UID. */
const applied = async (): Promise<string[]> => {
  const found = await cluster.list(kinds.configMap, { namespace: 'default' })
  return found.flatMap(({ metadata: { name, uid } }) => (name.startsWith('plain-') ? [`${name} ${uid}`] : []))
}
const calls = (): string[] => (existsSync(join(state, 'calls')) ? readFileSync(join(state, 'calls'), 'utf8').trim().split('\n') : [])
const ups = (): string[] => calls().filter((call) => call.startsWith('up '))

const bootstrap = (...args: string[]): Promise<Ended> => run('bootstrap', ...args)

async function run(script: string, ...args: string[]): Promise<Ended> {
  const { bin } = await lab.access()
  return lab.run(script, ['--lab', '--via', 'pulumi', '--json', ...args], {
    PATH: [join(projectRoot, 'test/fixtures/pulumi/bin'), bin, process.env.PATH].join(delimiter),
    PULUMI_STACK: 'infra',
    PULUMI_DIR: project,
    PULUMI_BUILD: 'touch built && env >build-environment',
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: passphrase,
  })
}

describe('bootstrap --via pulumi', () => {
  test('reports everything that blocks the run, and changes nothing', async () => {
    configured({ 'flux:ssh_private_key': { value: 'in the clear', secret: false } })
    const ended = await bootstrap('--yes')
    expect(ended.code, ended.stderr).toBe(3)
    const { message = '' } = documentOf(ended).error ?? {}
    expect(message).toContain('contains a FluxInstance (Kustomization infra-gitops-flux-instance), which would take Flux over from Pulumi')
    expect(message).toContain('flux:ssh_private_key of the Pulumi stack infra is in plain text')
    expect(message).toContain('the Pulumi stack infra has no config github.token, which its Flux needs')
    expect(ups()).toEqual([])
    expect(existsSync(join(project, 'built'))).toBe(false)
  })

  test('shows the preview in a dry run, and writes nothing, not even what it builds', async () => {
    configured({ 'flux:ssh_private_key': { secret: true }, 'github:token': { secret: true } })
    await lab.change('kubernetes/clusters/plain/kustomization.yaml', () =>
      ['configMapGenerator:', '  - name: plain', '    namespace: default', '    literals: [applied-by=flux]', ''].join('\n'),
    )
    const ended = await bootstrap('--cluster', 'plain', '--dry-run')
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended).steps[0]).toMatchObject({ id: 'pulumi-up', state: 'planned', detail: 'pulumi up on stack infra: 2 to create' })
    expect(ended.stderr).toContain('create: 1 FluxBootstrap, 1 Namespace')
    expect(ended.stderr).toContain('a dry run writes no files, so it does not run touch built')
    expect(ups()).toEqual([])
    expect(existsSync(join(project, 'built'))).toBe(false)
  })

  test('builds, shows the preview, deploys, and sees Flux follow Git', async () => {
    const ended = await bootstrap('--cluster', 'plain', '--yes')
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended).steps.map(({ id, state: is }) => [id, is])).toEqual([
      ['pulumi-up', 'done'],
      ['sync', 'done'],
      ['verify', 'done'],
    ])
    expect(ups()).toEqual(['up --refresh --yes --skip-preview --stack infra --non-interactive --color never'])
    expect(ended.stderr.indexOf('create: 1 FluxBootstrap, 1 Namespace')).toBeLessThan(ended.stderr.indexOf('Plan for lab-infra'))
    expect(await applied()).toEqual([expect.stringMatching(/^plain-/)])
  })

  test('gives its secrets to pulumi alone, and one context to reach', () => {
    const environment = readFileSync(join(state, 'environment'), 'utf8')
    expect(environment).toContain(`PULUMI_CONFIG_PASSPHRASE=${passphrase}`)
    expect(environment).toMatch(/^KUBECONFIG=.*\/pulumi-kubeconfig$/m)
    expect(readFileSync(join(project, 'build-environment'), 'utf8')).not.toContain(passphrase)
    expect(calls().join('\n')).not.toContain(passphrase)
  })

  test('does nothing the second time', async () => {
    const ended = await bootstrap('--cluster', 'plain', '--yes')
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended).outcome).toBe('unchanged')
    expect(ups()).toHaveLength(1)
  })

  test('lets a rebuild take down all that it has made, and end as healthy as it was', async () => {
    const before = await applied()
    const ended = await run('rebuild', '--cluster', 'plain', '--yes', '--destroy=lab-infra')
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
    expect(await applied()).toEqual(before)
    expect(ups()).toHaveLength(2)
  })

  test('refuses beside a FluxInstance', async () => {
    const crd: unknown = parse(readFileSync(join(operatorConfig, 'crd/bases/fluxcd.controlplane.io_fluxinstances.yaml'), 'utf8'))
    const manager = 'a-colleague'
    await cluster.apply(parseObject(crd), { manager })
    await expect.poll(() => cluster.isInstalled(fluxKinds.fluxInstance), { timeout: 120_000 }).toBe(true)
    const spec = { distribution: { version: '2.9.5', registry: 'ghcr.io/fluxcd' } }
    const instance = { ...fluxKinds.fluxInstance, metadata: { name: 'flux', namespace: 'flux-system' }, spec }
    await cluster.apply(parseObject(instance), { manager })
    const ended = await bootstrap('--cluster', 'plain', '--yes')
    expect(ended.code, ended.stderr).toBe(3)
    expect(documentOf(ended).error?.message).toContain(
      'FluxInstance flux-system/flux exists: its operator owns Flux, and would conflict with Pulumi',
    )
    expect(ups()).toHaveLength(2)
  })
})
