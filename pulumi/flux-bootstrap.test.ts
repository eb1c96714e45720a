import { execFileSync } from 'node:child_process'
import * as pulumi from '@pulumi/pulumi'
import { beforeAll, describe, expect, test } from 'vitest'
import { FluxBootstrap } from './flux-bootstrap'
import { ownObjects } from './own-objects'

/** What the component asks Pulumi to make, as its mocks see it. */
const made: pulumi.runtime.MockResourceArgs[] = []

beforeAll(async () => {
  await pulumi.runtime.setMocks({
    newResource(args) {
      made.push(args)
      return { id: `${args.name}-id`, state: args.inputs }
    },
    call: ({ inputs }) => inputs,
  })
  new FluxBootstrap('flux', {
    chartVersion: '2.17.1',
    git: { url: 'ssh://git@git.example/fleet.git', branch: 'main', path: './clusters/infra' },
    sshPrivateKey: pulumi.secret('canary-key'),
    knownHosts: 'git.example ssh-ed25519 AAAA',
    githubToken: pulumi.secret('canary-token'),
  })
  await pulumi.runtime.disconnect()
})

const find = (type: string): pulumi.runtime.MockResourceArgs[] => made.filter((one) => one.type === type)

describe('FluxBootstrap', () => {
  test('applies on the server, and nothing else', () => {
    expect(find('pulumi:providers:kubernetes').map(({ inputs }) => inputs)).toEqual([{ enableServerSideApply: 'true', kubeconfig: '' }])
    const objects = made.filter(({ type }) => type.startsWith('kubernetes:'))
    expect(objects).toHaveLength(7)
    for (const { provider } of objects) expect(provider).toContain('pulumi:providers:kubernetes::flux-cluster')
  })

  test('takes the community’s chart at one version', () => {
    expect(find('kubernetes:helm.sh/v4:Chart').map(({ inputs }) => inputs)).toEqual([
      { chart: 'oci://ghcr.io/fluxcd-community/charts/flux2', version: '2.17.1', name: 'flux', namespace: 'flux-system' },
    ])
  })

  test('points Flux at Git under the names that all ways of installing it share', () => {
    expect(find('kubernetes:source.toolkit.fluxcd.io/v1:GitRepository').map(({ inputs }) => inputs)).toMatchObject([
      {
        metadata: { name: 'flux-system', namespace: 'flux-system' },
        spec: { url: 'ssh://git@git.example/fleet.git', ref: { branch: 'main' }, secretRef: { name: 'flux-git' } },
      },
    ])
    expect(find('kubernetes:kustomize.toolkit.fluxcd.io/v1:Kustomization').map(({ inputs }) => inputs)).toMatchObject([
      {
        metadata: { name: 'flux-system', namespace: 'flux-system' },
        spec: { path: './clusters/infra', prune: true, sourceRef: { kind: 'GitRepository', name: 'flux-system' } },
      },
    ])
  })

  test('keeps its secrets secret', () => {
    // How Pulumi marks a secret between its processes (pulumi/pulumi sdk/nodejs/runtime/rpc.ts).
    const secret = (value: unknown): unknown => ({ '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270', value })
    const secrets = Object.fromEntries(find('kubernetes:core/v1:Secret').map(({ name, inputs }) => [name, inputs.stringData]))
    expect(secrets).toEqual({
      'flux-flux-git': secret({ identity: 'canary-key', known_hosts: 'git.example ssh-ed25519 AAAA' }),
      'flux-github-token': secret({ token: 'canary-token' }),
    })
  })

  test('compiles as its own project does', { timeout: 120_000 }, () => {
    execFileSync('npm', ['run', '--silent', 'build', '--', '--noEmit'], { cwd: import.meta.dirname, stdio: 'pipe' })
  })
})

describe('what the chart brings', () => {
  const transformed = (props: Record<string, unknown>): unknown => ownObjects({ props, opts: {} })?.props

  test('loses its hooks, and keeps everything else', () => {
    const spec = { backoffLimit: 1 }
    const annotations = {
      'helm.sh/hook': 'pre-install',
      'helm.sh/hook-weight': '-5',
      'helm.sh/hook-delete-policy': 'before-hook-creation',
      'helm.sh/resource-policy': 'keep',
    }
    expect(transformed({ metadata: { name: 'flux-check', annotations }, spec })).toEqual({
      metadata: { name: 'flux-check', annotations: { 'helm.sh/resource-policy': 'keep', 'pulumi.com/patchForce': 'true' } },
      spec,
    })
  })

  test('is taken over where it is there already', () => {
    expect(transformed({ metadata: { name: 'flux-system' } })).toEqual({
      metadata: { name: 'flux-system', annotations: { 'pulumi.com/patchForce': 'true' } },
    })
  })

  test('stays when the stack is destroyed where it is a CustomResourceDefinition, and nothing else does', () => {
    const optionsOf = (kind: string): unknown => ownObjects({ props: { kind, metadata: { name: 'one' } }, opts: { protect: false } })?.opts
    expect(optionsOf('CustomResourceDefinition')).toEqual({ protect: false, retainOnDelete: true })
    expect(optionsOf('Deployment')).toEqual({ protect: false })
  })

  test('is left alone where it is not an object', () => {
    expect(transformed({ chart: 'flux2' })).toBeUndefined()
  })
})
