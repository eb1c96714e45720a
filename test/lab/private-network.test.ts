import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments, parseDocument } from 'yaml'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { type PrivateNetwork, startPrivateNetwork } from './private-network.ts'
import { type GitOverSsh, serveOverSsh } from './git-over-ssh.ts'
import { copyCheckout, documentOf, type Ended, script, startLab, type TestLab } from './harness.ts'

const namespace = 'flux-system'
const folder = mkdtempSync(join(tmpdir(), 'frb-network-'))
const checkout = join(folder, 'checkout')
const kubeconfig = join(folder, 'kubeconfig')
const settingsFile = 'kubernetes/clusters/infra/settings.yaml'
let lab: TestLab
let network: PrivateNetwork
let infra: Cluster
/** What a user of the private network has in the environment. */
let everything: Record<string, string>

beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
  infra = await lab.cluster('lab-infra')
  const access = await lab.access()
  network = await startPrivateNetwork(access, folder)
  const secret = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  everything = {
    PATH: `${access.bin}:${process.env.PATH}`,
    XDG_STATE_HOME: join(folder, 'state'),
    HTTPS_PROXY: network.proxy,
    HTTP_PROXY: network.proxy,
    GIT_USERNAME: access.git.username,
    GIT_PASSWORD: access.git.password,
    GIT_CA_FILE: network.ca.file,
    REGISTRY_USERNAME: network.login.username,
    REGISTRY_PASSWORD: network.login.password,
    REGISTRY_CA_FILE: network.ca.file,
  }
  logInBy('IfAvailable', access.kubeconfig, secret)
  copyCheckout(checkout)
  await configure()
})
afterAll(async () => {
  network.close()
  await lab.close()
  rmSync(folder, { recursive: true, force: true })
})

const kubeconfigSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ users: v.array(v.looseObject({ user: v.looseObject({ token: v.string() }) })) }),
)

/** A kubeconfig whose token comes from a program, as with a cloud or an organization's single sign-on. */
function logInBy(interactiveMode: string, administrators: string, secret: (name: string, text: string) => string): void {
  const config = v.parse(kubeconfigSchema, readFileSync(administrators, 'utf8'))
  const status = { token: config.users[0]?.user.token }
  const credential = secret('token', JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }))
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat', args: [credential], interactiveMode }
  secret('kubeconfig', JSON.stringify({ ...config, users: config.users.map((user) => ({ ...user, user: { exec } })) }))
}

/** Has the tree say, in Git and in the person's checkout, what an organization's does. */
async function configure(): Promise<void> {
  const { settings, registry } = await lab.access()
  const values: Record<string, string> = {
    git_url: network.git,
    charts_registry: `oci://${network.registry}/charts`,
    charts_insecure: 'false',
    distribution_artifact: settings.distribution_artifact?.replace(registry, network.registry) ?? '',
    registry_pull_secret: 'company-registry',
    operator_pull_secrets: '[{name: company-registry}]',
  }
  await change(settingsFile, (text) => {
    const document = parseDocument(text)
    for (const [key, value] of Object.entries(values)) document.setIn(['data', key], value)
    return document.toString({ lineWidth: 0 })
  })
  const ca = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'company-ca', namespace }, stringData: { 'ca.crt': network.ca.text } }
  await change('kubernetes/clusters/infra/company-ca.yaml', () => JSON.stringify(ca))
  await change('kubernetes/clusters/infra/kustomization.yaml', (text) => `${text.trimEnd()}\n  - company-ca.yaml\n`)
  await change('kubernetes/clusters/infra/infrastructure.yaml', (text) => {
    const [operator, instance] = parseAllDocuments(text)
    operator?.setIn(['spec', 'patches'], [sources, operatorBehindProxy()])
    instance?.setIn(['spec', 'patches'], [sources, controllersBehindProxy()])
    return `${String(operator)}${String(instance)}`
  })
}

/** The same change in the lab's Git and in the person's checkout. */
async function change(file: string, edit: (text: string) => string): Promise<void> {
  await lab.change(file, (text) => {
    writeFileSync(join(checkout, file), edit(text))
    return edit(text)
  })
}

const sources = {
  target: { kind: 'OCIRepository' },
  patch: JSON.stringify([
    { op: 'add', path: '/spec/secretRef', value: { name: 'company-registry' } },
    { op: 'add', path: '/spec/certSecretRef', value: { name: 'company-ca' } },
  ]),
}

function operatorBehindProxy(): unknown {
  const added = [
    { name: 'HTTPS_PROXY', value: network.proxy },
    // The lab gives each pod a /tmp of its own, which this way round does not mean.
    { name: 'SSL_CERT_FILE', value: `/.${network.ca.file}` },
  ]
  const operations = added.map((value) => ({ op: 'add', path: '/spec/values/extraEnvs/-', value }))
  return { target: { kind: 'HelmRelease' }, patch: JSON.stringify(operations) }
}

function controllersBehindProxy(): unknown {
  const env = [{ name: 'HTTPS_PROXY', value: network.proxy }]
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'source-controller' } }
  const patch = JSON.stringify({ ...deployment, spec: { template: { spec: { containers: [{ name: 'manager', env }] } } } })
  const value = { target: { kind: 'Deployment', name: 'source-controller' }, patch }
  return {
    target: { kind: 'HelmRelease' },
    patch: JSON.stringify([{ op: 'add', path: '/spec/values/instance/kustomize/patches/-', value }]),
  }
}

function bootstrap(env: Record<string, string>, ...flags: string[]): Promise<Ended> {
  const own = ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', kubeconfig]
  return script('bootstrap', [...own, '--yes', '--json', ...flags], { home: lab.home, cwd: checkout, env })
}

async function nothingChanged(ended: Ended): Promise<void> {
  expect(ended.code, ended.stderr).toBe(3)
  expect(documentOf(ended)).toMatchObject({ outcome: 'blocked', steps: [] })
  expect(await infra.get({ ...kinds.namespace, name: namespace })).toBeUndefined()
}

describe('what people forget to set on a private network', () => {
  test('its certificate authority: Git and registry are not trusted, and both are reported', async () => {
    const { GIT_CA_FILE: _, REGISTRY_CA_FILE: __, ...env } = everything
    const ended = await bootstrap(env)
    await nothingChanged(ended)
    expect(ended.stderr).toContain(`the certificate of the Git server is not trusted, at ${network.git}`)
    expect(ended.stderr).toContain('name the file with its certificate authority in GIT_CA_FILE')
    expect(ended.stderr).toMatch(/chart oci:\/\/registry\.corp\.example\/charts\/flux-operator [\d.]+ cannot be pulled: .*x509/s)
    expect(ended.stderr).toContain("name the file with the registry's certificate authority in REGISTRY_CA_FILE")
  })

  test('which server its login is for: one that is for another is not sent', async () => {
    const ended = await bootstrap({ ...everything, GIT_ORIGIN: 'https://git.example.com' })
    await nothingChanged(ended)
    expect(ended.stderr).toContain(
      `${network.git} was called without a login, because the login for Git is for https://git.example.com, not for https://git.corp.example: `,
    )
    expect(ended.stderr).toContain('if the login is meant for this server, name it in GIT_ORIGIN')
  })

  test('its proxy, or that these hosts lie behind it; and the right password', async () => {
    const ended = await bootstrap({ ...everything, NO_PROXY: 'git.corp.example', REGISTRY_PASSWORD: 'last-month' })
    await nothingChanged(ended)
    expect(ended.stderr).toMatch(/Git cannot be reached at https:\/\/git\.corp\.example\/private\/fleet\.git: .*Could not resolve host/s)
    expect(ended.stderr).toMatch(/flux-operator [\d.]+ cannot be pulled: .*401/s)
    expect(ended.stderr).toContain('check REGISTRY_USERNAME and REGISTRY_PASSWORD')
    expect(ended.stderr).not.toContain('last-month')
  })
  test('a proxy that works: one that hangs up is asked a few times, and reported', async () => {
    const unblock = network.hangUpOnRegistry()
    const ended = await bootstrap(everything)
    expect(unblock()).toBeLessThan(30) // undici by itself asks thousands of times a second
    await nothingChanged(ended)
    expect(ended.stderr).toMatch(/https:\/\/registry\.corp\.example.*through the proxy/)
  })
  test('a terminal, for a login that asks questions', async () => {
    const asking = readFileSync(kubeconfig, 'utf8')
    writeFileSync(kubeconfig, asking.replace('IfAvailable', 'Always'))
    const ended = await bootstrap(everything)
    writeFileSync(kubeconfig, asking)
    await nothingChanged(ended)
    expect(ended.stderr).toContain(
      'the login of context lab-infra by cat asks questions (interactiveMode: Always), and there is no terminal to ask on',
    )
  })
})

describe('with all of it', () => {
  test('bootstrap ends with a Flux that manages itself, and nothing went past the proxy or needlessly through it', async () => {
    network.asked()
    const ended = await bootstrap(everything)
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended)).toMatchObject({ outcome: 'done' })
    // `flux check` asks GitHub for the newest version of itself.
    const asked = [...network.asked()].filter((host) => host !== 'api.github.com:443')
    expect(asked.sort()).toEqual(['git.corp.example:443', 'registry.corp.example:443'])
    const again = await bootstrap(everything)
    expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
  })
  test('Flux follows the next commit through the proxy, by itself', async () => {
    network.asked()
    await change(settingsFile, (text) => text.replace('\ndata:\n', '\ndata:\n  greeting: hello\n'))
    const ref = { ...kinds.configMap, namespace, name: 'flux-settings' }
    await expect.poll(() => infra.get(ref), { timeout: 120_000, interval: 500 }).toMatchObject({ data: { greeting: 'hello' } })
    expect([...network.asked()]).toContain('git.corp.example:443')
  })
})

describe('Git over SSH', () => {
  let ssh: GitOverSsh
  let env: Record<string, string>
  beforeAll(async () => {
    await lab.reset('empty')
    infra = await lab.cluster('lab-infra')
    ssh = await serveOverSsh(join(lab.home, 'git', 'fleet.git'), folder)
    const { PATH = '', XDG_STATE_HOME = '' } = everything
    env = { PATH, XDG_STATE_HOME, GIT_SSH_KEY_FILE: ssh.keyFile }
    cpSync(join(projectRoot, 'kubernetes'), join(checkout, 'kubernetes'), { recursive: true })
    await change(settingsFile, (text) => text.replace(/git_url: .*/, `git_url: ${ssh.url}`))
  })
  afterAll(() => ssh.close())

  test('a server that shows another host key than the pinned one is refused', async () => {
    const ended = await bootstrap({ ...env, GIT_KNOWN_HOSTS_FILE: ssh.wrongHosts })
    await nothingChanged(ended)
    expect(ended.stderr).toContain(`the Git server shows a host key that GIT_KNOWN_HOSTS_FILE does not have, at ${ssh.url}`)
    expect(ended.stderr).toContain('compare that file with the host keys that your Git server publishes')
  })

  test('with the pinned one, Flux follows it; and refuses, by itself, a server that shows another', async () => {
    const ended = await bootstrap({ ...env, GIT_KNOWN_HOSTS_FILE: ssh.knownHosts })
    expect(ended.code, ended.stderr).toBe(0)
    const source = { ...fluxKinds.gitRepository, namespace, name: namespace }
    expect(await infra.get(source)).toMatchObject({ spec: { url: ssh.url } })

    const known = readFileSync(ssh.wrongHosts).toString('base64')
    await infra.patch({ ...kinds.secret, namespace, name: 'flux-git' }, { data: { known_hosts: known } })
    await infra.patch(source, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } })
    const isRefused = { status: { conditions: expect.arrayContaining([expect.objectContaining({ message: mismatch })]) } }
    await expect.poll(() => infra.get(source), { timeout: 60_000 }).toMatchObject(isRefused)
  })

  test('recover names the host key, and gives Flux the one of the settings', async () => {
    const own = ['--context', 'lab-infra', '--cluster', 'infra', '--kubeconfig', kubeconfig]
    const asked = { home: lab.home, cwd: checkout, env: { ...env, GIT_KNOWN_HOSTS_FILE: ssh.knownHosts } }
    const seen = await script('health-check', [...own, '--only', 'sources'], asked)
    expect(seen.stderr + seen.stdout).toMatch(/GitRepository flux-system\/flux-system: .*knownhosts: key mismatch/s)
    const ended = await script('recover', [...own, '--yes', '--json'], asked)
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended)).toMatchObject({ healthy: true, disasters: [{ id: 'git-host-key' }] })
  })
})

const mismatch = expect.stringMatching(/knownhosts: key mismatch/)
