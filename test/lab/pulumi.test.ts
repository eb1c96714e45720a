import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ensureExecutables } from '../../lab/build/executables.ts'
import type { Cluster } from '../../lib/cluster/cluster.ts'
import { kinds, parseObject } from '../../lib/cluster/objects.ts'
import { createConsole } from '../../lib/console.ts'
import { projectRoot } from '../../lib/settings.ts'
import { documentOf, type Ended, startLab, type TestLab } from './harness.ts'

// Pulumi's command line is a stand-in here (test/fixtures/pulumi), which installs a real Flux.
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
  writeFileSync(join(state, 'url'), anonymousUrl)
  operatorConfig = (await ensureExecutables(createConsole({ clean: (text) => text }))).operatorConfig
})
afterAll(async () => {
  await lab.close()
  rmSync(root, { recursive: true, force: true })
})

function configured(config: Record<string, { value?: string; secret: boolean }>): void {
  writeFileSync(join(state, 'config.json'), JSON.stringify(config))
}
const calls = (): string[] => (existsSync(join(state, 'calls')) ? readFileSync(join(state, 'calls'), 'utf8').trim().split('\n') : [])
const ups = (): string[] => calls().filter((call) => call.startsWith('up '))

async function bootstrap(...args: string[]): Promise<Ended> {
  const { bin } = await lab.access()
  return lab.run('bootstrap', ['--lab', '--via', 'pulumi', '--json', ...args], {
    PATH: [join(projectRoot, 'test/fixtures/pulumi/bin'), bin, process.env.PATH].join(delimiter),
    PULUMI_STACK: 'infra',
    PULUMI_DIR: project,
    PULUMI_BUILD: 'touch built && env >build-environment',
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: passphrase,
  })
}

describe('bootstrap --via pulumi', () => {
  test('tells everything that stands in the way, and changes nothing', async () => {
    configured({ 'flux:ssh_private_key': { value: 'in the clear', secret: false } })
    const ended = await bootstrap('--yes')
    expect(ended.code, ended.stderr).toBe(3)
    const { message = '' } = documentOf(ended).error ?? {}
    expect(message).toContain('brings a FluxInstance (Kustomization infra-gitops-flux-instance), which would take Flux over from Pulumi')
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
    expect(documentOf(ended).steps[0]).toMatchObject({ id: 'pulumi-up', state: 'planned', detail: 'pulumi up on stack infra: 4 to create' })
    expect(ended.stderr).toContain('+ flux-runbook:index:FluxBootstrap: (create)')
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
    expect(ended.stderr.indexOf('FluxBootstrap: (create)')).toBeLessThan(ended.stderr.indexOf('Plan for lab-infra'))
    expect((await cluster.list(kinds.configMap, { namespace: 'default' })).map(({ metadata }) => metadata.name)).toContainEqual(
      expect.stringMatching(/^plain-/),
    )
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

  test('refuses beside a FluxInstance', async () => {
    const crd: unknown = parse(readFileSync(join(operatorConfig, 'crd/bases/fluxcd.controlplane.io_fluxinstances.yaml'), 'utf8'))
    const manager = 'a-colleague'
    await cluster.apply(parseObject(crd), { manager })
    await expect.poll(() => cluster.isInstalled(kinds.fluxInstance), { timeout: 30_000 }).toBe(true)
    const spec = { distribution: { version: '2.9.5', registry: 'ghcr.io/fluxcd' } }
    const instance = { ...kinds.fluxInstance, metadata: { name: 'flux', namespace: 'flux-system' }, spec }
    await cluster.apply(parseObject(instance), { manager })
    const ended = await bootstrap('--cluster', 'plain', '--yes')
    expect(ended.code, ended.stderr).toBe(3)
    expect(documentOf(ended).error?.message).toContain(
      'FluxInstance flux-system/flux is there: its operator owns Flux, and would fight with Pulumi over it',
    )
    expect(ups()).toHaveLength(1)
  })
})
