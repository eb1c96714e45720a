import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { generateX25519Identity } from 'age-encryption'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { manifestOf } from '../../lib/kubernetes/manifest.ts'
import { copyCheckout, documentOf, type Ended, script, startLab, type TestLab } from './harness.ts'

/** As EKS calls it. The folders of the person who has it hold spaces. */
const context = 'arn:aws:eks:eu-central-1:111122223333:cluster/prod'
const namespace = 'flux-system'
const ownWork = { ...kinds.configMap, namespace: 'default', name: 'own-work' }

let lab: TestLab
let cluster: Cluster
let home: string
let checkout: string
let env: Record<string, string>

/** A Flux that the flux CLI installs, with an object of the person's own, used from a checkout that has no folder for it. */
beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
  cluster = await lab.cluster('lab-infra')
  const { bin, kubeconfig, git } = await lab.access()
  home = mkdtempSync(join(tmpdir(), 'frb any flux '))
  checkout = join(home, 'check out')
  mkdirSync(checkout)
  copyCheckout(checkout)
  rmSync(join(checkout, 'kubernetes', 'clusters'), { recursive: true })
  mkdirSync(join(checkout, 'kubernetes', 'clusters'))
  const own = join(home, 'kube config')
  writeFileSync(own, readFileSync(kubeconfig, 'utf8').replaceAll('lab-infra', context), { mode: 0o600 })
  const key = join(home, 'key.txt')
  writeFileSync(key, `${await generateX25519Identity()}\n`, { mode: 0o600 })
  env = {
    PATH: [bin, process.env.PATH].join(delimiter),
    HOME: home,
    XDG_STATE_HOME: join(home, 'state'),
    KUBECONFIG: own,
    CAPTURE_IDENTITY_FILE: key,
  }
  await lab.change('own/kustomization.yaml', () => 'resources: [work.yaml]\n')
  await lab.change('own/work.yaml', () => 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own-work, namespace: default}\ndata: {a: b}\n')
  await type(`flux install --context=${context} --components=source-controller,kustomize-controller,helm-controller`)
  const ref = { namespace: 'default', name: 'own' }
  await cluster.apply(
    manifestOf({ ...fluxKinds.gitRepository, ...ref }, { spec: { interval: '1m', url: git.anonymousUrl, ref: { branch: 'main' } } }),
  )
  const sourceRef = { kind: 'GitRepository', name: 'own' }
  await cluster.apply(
    manifestOf({ ...fluxKinds.kustomization, ...ref }, { spec: { interval: '1m', path: './own', prune: true, sourceRef } }),
  )
  await lab.kubectl('--namespace=default', 'wait', 'kustomization/own', '--for=condition=Ready', '--timeout=120s')
})
afterAll(async () => {
  await lab.close()
  rmSync(home, { recursive: true, force: true })
})

function run(name: string, ...args: readonly string[]): Promise<Ended> {
  return script(name, ['--context', context, ...args], { home: lab.home, cwd: checkout, env })
}

/** What the person types at a shell. */
async function type(command: string): Promise<string> {
  return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', command], { cwd: checkout, env: { ...env } })).stdout
}

const healthSchema = v.looseObject({
  healthy: v.boolean(),
  flux: v.record(v.string(), v.unknown()),
  probes: v.array(v.object({ id: v.string(), state: v.string(), applies: v.boolean(), detail: v.string() })),
})
async function health(): Promise<v.InferOutput<typeof healthSchema>> {
  const ended = await run('health-check', '--json')
  return v.parse(v.pipe(v.string(), v.parseJson(), healthSchema), ended.stdout)
}

test('a healthy Flux of the flux CLI is healthy, by --context alone', async () => {
  const { git } = await lab.access()
  const ended = await run('health-check', '--json')
  expect(ended.code, ended.stderr).toBe(0)
  const { flux, probes } = v.parse(v.pipe(v.string(), v.parseJson(), healthSchema), ended.stdout)
  expect(flux).toEqual({
    installedBy: 'cli',
    version: '2.9.5',
    namespace,
    components: ['source-controller', 'kustomize-controller', 'helm-controller'],
    shards: [],
    follows: { kind: 'GitRepository', namespace: 'default', name: 'own', url: git.anonymousUrl, ref: 'refs/heads/main' },
  })
  expect(probes.filter(({ applies }) => !applies).map(({ id }) => id)).toEqual(['operator', 'instance', 'alerts'])
  expect(ended.stderr).toContain('– flux-operator: Flux was installed by the flux CLI')
  expect(probes.find(({ id }) => id === 'revision')).toMatchObject({ state: 'ok', applies: true })
})

test('every command that only looks works, and changes nothing', async () => {
  const results: [string, ...string[]][] = [
    ['capture', '--dry-run'],
    ['teardown', '--dry-run'],
    ['recover', '--dry-run'],
    ['drill', '--dry-run', '--scenario', 'all'],
  ]
  const ended = await Promise.all(results.map(([name, ...args]) => run(name, ...args, '--json')))
  expect(ended.map((one) => `${documentOf(one).script} ${documentOf(one).outcome}`)).toEqual([
    'capture planned',
    'teardown planned',
    'recover unchanged',
    'drill planned',
  ])
  expect(ended[3]?.stderr).toContain('Every controller deleted')
  expect(ended[3]?.stderr).not.toContain('2. ✖')
})

test('what goes by a folder names it, and what does not', async () => {
  const ended = await run('upgrade', '--to', '2.9.5', '--json')
  expect(ended.code).toBe(2)
  expect(documentOf(ended).error).toEqual({
    message: `there is no kubernetes/clusters/${context}/settings.yaml: upgrade needs the cluster's folder in Git`,
    remedy:
      'name the folder below kubernetes/clusters with --cluster NAME; without one health-check, capture, restore, teardown, recover, drill work',
  })
})

test('a controller that is gone is in trouble, and the flux CLI puts it back', async () => {
  await lab.kubectl('--namespace', namespace, 'delete', 'deployment', 'helm-controller')
  const { probes } = await health()
  expect(probes.filter(({ state }) => state !== 'ok').map(({ id }) => id)).toEqual(['controllers'])
  const ended = await run('recover', '--yes', '--json')
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended).steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['controllers done', 'health done'])
})

test('taken away, it comes back by the command that is printed, and by what was captured', async () => {
  const uid = (await cluster.get(ownWork))?.metadata.uid
  const down = await run('teardown', '--yes', `--destroy=${context}`, '--json')
  expect(down.code, down.stderr).toBe(0)
  expect(documentOf(down)).toMatchObject({ survival: { changed: 0, missing: 0 }, residue: [] })
  expect(down.stderr).toContain('It had been installed by the flux CLI.')
  const [, printed = ''] = down.stderr.split('Next, to have it again:\n')
  const commands = printed.split('\n').filter((line) => line.startsWith('  '))
  expect(commands.map((line) => line.trim().split(' ')[0])).toEqual(['flux', 'npx'])
  await type(commands[0] ?? '')
  await type(`${commands[1]} --yes`)
  await lab.kubectl('--namespace=default', 'wait', 'kustomization/own', '--for=condition=Ready', '--timeout=120s')
  expect(await health()).toMatchObject({ healthy: true, flux: { installedBy: 'cli', version: '2.9.5' } })
  expect((await cluster.get(ownWork))?.metadata.uid).toBe(uid)
})

describe('a Flux that flux bootstrap has made', () => {
  beforeAll(async () => {
    await lab.reset('empty')
    cluster = await lab.cluster('lab-infra')
    const { git } = await lab.access()
    env = { ...env, GIT_USERNAME: git.username, GIT_PASSWORD: git.password, GIT_ORIGIN: new URL(git.url).origin }
    const flags = '--branch=main --path=clusters/theirs --token-auth --allow-insecure-http --silent'
    const components = '--components=source-controller,kustomize-controller'
    await type(`flux bootstrap git --context=${context} --url=${git.url} --username=${git.username} ${flags} ${components}`)
  })

  test('is healthy, at the head of what it follows, and comes back by the command that is printed', async () => {
    const { git } = await lab.access()
    const follows = { kind: 'GitRepository', namespace, name: namespace, url: git.url, ref: 'refs/heads/main' }
    const seen = await health()
    expect(seen.probes.filter(({ state }) => state !== 'ok')).toEqual([])
    expect(seen.flux).toMatchObject({ installedBy: 'cli', components: ['source-controller', 'kustomize-controller'], follows })
    const down = await run('teardown', '--yes', `--destroy=${context}`, '--json')
    expect(down.code, down.stderr).toBe(0)
    const [, printed = ''] = down.stderr.split('Next, to have it again:\n')
    const commands = printed.split('\n').filter((line) => line.startsWith('  '))
    const words = `flux bootstrap git --url=${git.url} --branch=main --path=./clusters/theirs --secret-name=flux-system --token-auth --username=${git.username} --allow-insecure-http`
    expect(commands.map((line) => line.trim().split(' --version')[0]?.split(' --from')[0])).toEqual([
      `npx zx scripts/restore.ts --context ${context}`,
      words,
      `npx zx scripts/restore.ts --context ${context}`,
    ])
    await type(`${commands[0]} --yes`)
    await type(commands[1] ?? '')
    expect(await health()).toMatchObject({ healthy: true, flux: { installedBy: 'cli', follows } })
  })
})
