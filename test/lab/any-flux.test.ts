import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { requestReconcile } from '../../lib/flux/reconcile-request.ts'
import { kinds, parseObject, type Ref } from '../../lib/kubernetes/objects.ts'
import { inParallel } from '../../lib/base/parallel.ts'
import { projectRoot } from '../../lib/base/paths.ts'
import { shellQuote } from '../../lib/base/shell-line.ts'
import { checkProbe, probesOf, readHealth, untilHealthy } from './any-flux/lifecycle.ts'
import { readOnlyCalls } from './any-flux/every-script.ts'
import { installations } from './any-flux/installations.ts'
import { ownPath, ownWork } from './any-flux/own-work.ts'
import { openWorld, type World } from './any-flux/world.ts'
import { unusualWorkstation } from './any-flux/workstation.ts'
import { documentOf, startLab, type TestLab } from './harness.ts'

// The other kinds of installation, each broken at every probe, are in test/long/any-flux-*.test.ts.
const { context } = unusualWorkstation
const kind = installations['flux install']
const where = `--context ${shellQuote(context)}`
let lab: TestLab
let world: World

beforeAll(async () => {
  lab = await startLab(['infra'])
  await lab.snapshot('empty')
  world = await openWorld(lab, unusualWorkstation)
  await kind.install(world)
  await untilHealthy(world)
})
afterAll(() => world.close())

test('a healthy Flux of the flux CLI is healthy, by --context alone', async () => {
  const { git } = await lab.access()
  const { code, stderr, health } = await readHealth(world)
  expect(code, stderr).toBe(0)
  expect(health.flux).toEqual({
    installedBy: 'cli',
    version: '2.9.5',
    namespace: 'flux-system',
    components: ['source-controller', 'kustomize-controller', 'helm-controller', 'notification-controller'],
    shards: [],
    follows: { kind: 'GitRepository', namespace: 'default', name: 'own', url: git.anonymousUrl, ref: 'refs/heads/main' },
  })
  expect(health.probes.filter(({ applies }) => !applies).map(({ id }) => id)).toEqual(['operator', 'instance', 'alerts'])
  expect(stderr).toContain('– flux-operator: Flux was installed by the flux CLI')
  expect(health.probes.find(({ id }) => id === 'revision')).toMatchObject({ state: 'ok', applies: true })
})

const endedSchema = v.looseObject({ outcome: v.string(), exitCode: v.number() })

test('every script that only looks works in a checkout without a folder for any cluster, or names the folder that it lacks', async () => {
  const capture = join(world.workstation.home, 'capture.age')
  const captured = await world.workstation.run('capture', '--out', capture, '--recipient', world.workstation.recipient)
  expect(captured.code, captured.stderr).toBe(0)
  const scripts = readOnlyCalls(world.workstation, capture)
  const names = readdirSync(join(projectRoot, 'scripts')).map((file) => file.replace('.ts', ''))
  expect(Object.keys(scripts)).toEqual(names.filter((name) => name !== 'lab').sort())
  const all = Object.entries(scripts).flatMap(([name, calls]) => calls.map((call) => ({ name, ...call })))
  await inParallel(all, 4, async ({ name, args, outcome, exitCode }) => {
    const { stdout, stderr } = await world.workstation.call(name, ...args, '--json')
    const document = v.parse(v.pipe(v.string(), v.parseJson(), endedSchema), stdout)
    expect({ name, args, outcome: document.outcome, exitCode: document.exitCode }, stderr).toEqual({ name, args, outcome, exitCode })
    if (exitCode === 2)
      expect(stderr).toContain(`there is no kubernetes/clusters/${context}/settings.yaml: ${name} needs the cluster's folder in Git`)
  })
  expect((await readHealth(world)).health.healthy).toBe(true)
})

test('a version that nothing in Git says is not changed', async () => {
  const ended = await world.workstation.run('upgrade', '--to', '2.9.6', '--yes', '--json')
  expect(ended.code, ended.stderr).toBe(3)
  expect(documentOf(ended).error?.message).toContain(
    "Deployment flux-system/helm-controller is applied by none of Flux's Kustomizations, so its version is not in Git",
  )
})

/** Those that health.test.ts breaks, on a Flux of the operator. */
const broken = [
  'api',
  'controllers',
  'crds',
  'sources',
  'revision',
  'kustomizations',
  'helmreleases',
  'loop',
  'secrets',
  'network-policies',
  'alerts',
]
test.each(probesOf(kind).filter((id) => !broken.includes(id)))('the probe %s turns when its thing is broken, and no other', (id) =>
  checkProbe(world, kind, id),
)

test('a controller that is gone is unhealthy, and the flux CLI recreates it', async () => {
  await lab.kubectl('--namespace', 'flux-system', 'delete', 'deployment', 'helm-controller')
  expect((await world.turned()).map(({ id }) => id)).toEqual(['controllers'])
  const ended = await world.workstation.run('recover', '--yes', '--json')
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended).steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['controllers done', 'health done'])
})

test('a Service and a CRD of the flux CLI that are gone: the flux CLI recreates them', async () => {
  await lab.kubectl('--namespace', 'flux-system', 'delete', 'service', 'source-controller')
  await lab.kubectl('delete', 'crd', 'receivers.notification.toolkit.fluxcd.io')
  expect((await world.turned()).map(({ id }) => id)).toEqual(['crds', 'inventory'])
  const ended = await world.workstation.run('recover', '--yes', '--json')
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended).steps.map(({ id }) => id)).toEqual(['controllers', 'parts', 'health'])
  expect(await world.turned()).toEqual([])
})

/** Passes on to the lab's Git what has the login, and denies the repository to any other, as hosts do that keep their list private. */
async function startHidingHost(): Promise<string> {
  const { git } = await lab.access()
  const { host, pathname } = new URL(git.url)
  const login = `Basic ${Buffer.from(`${git.username}:${git.password}`).toString('base64')}`
  const server = createServer((incoming, response) => {
    const { authorization } = incoming.headers
    if (authorization === undefined) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    if (authorization !== login) return void response.writeHead(404).end('Not Found')
    const [hostname, port] = host.split(':')
    const asking = request({ hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    asking.on('error', () => response.destroy())
    incoming.pipe(asking)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}${pathname}`
}

test('a token revoked at a host that then denies the repository: Flux is given the login of the settings', async () => {
  const { git } = await lab.access()
  const url = await startHidingHost()
  const source: Ref = { ...fluxKinds.gitRepository, namespace: 'default', name: 'own' }
  const secret: Ref = { ...kinds.secret, namespace: 'default', name: 'own-login' }
  const encoded = (text: string): string => Buffer.from(text).toString('base64')
  const data = { username: encoded(git.username), password: encoded(git.password) }
  const { cluster } = world
  await cluster.apply(parseObject({ ...kinds.secret, metadata: { namespace: secret.namespace, name: secret.name }, data }))
  await cluster.patch(source, { spec: { url, secretRef: { name: secret.name } } })
  await world.until(async () => (await world.turned()).length === 0)
  await cluster.patch(secret, { data: { password: encoded('revoked') } })
  await requestReconcile(cluster, source)
  await world.until(async () => JSON.stringify((await cluster.get(source)) ?? {}).includes('repository not found'))
  expect((await world.turned({ only: 'sources' })).map(({ id }) => id)).toEqual(['sources'])
  const origin = `GIT_ORIGIN=${new URL(url).origin}`
  const stdout = await world.workstation.type(`${origin} npx zx scripts/recover.ts ${where} --yes --json`)
  expect(documentOf({ code: 0, stdout, stderr: '' })).toMatchObject({ healthy: true, disasters: [{ id: 'git-credentials-wrong' }] })
  await cluster.patch(source, { spec: { url: git.anonymousUrl, secretRef: null } })
  await untilHealthy(world)
})

test('removed, it comes back by the command that is printed, and by what was captured', async () => {
  const { workstation, cluster } = world
  const uid = (await cluster.get(ownWork))?.metadata.uid
  const down = await workstation.run('teardown', '--yes', `--destroy=${context}`, '--json')
  expect(down.code, down.stderr).toBe(0)
  expect(documentOf(down)).toMatchObject({ survival: { changed: 0, missing: 0 }, residue: [] })
  expect(down.stderr).toContain('It had been installed by the flux CLI.')
  const commands = printedAfter(down.stderr)
  expect(commands.map((command) => command.split(' ')[0])).toEqual(['flux', 'npx'])
  await workstation.type(commands[0] ?? '')
  await workstation.type(`${commands[1]} --yes`)
  await untilHealthy(world)
  expect(await readHealth(world)).toMatchObject({ code: 0, health: { flux: { installedBy: 'cli', version: '2.9.5' } } })
  expect((await cluster.get(ownWork))?.metadata.uid).toBe(uid)
})

function printedAfter(stderr: string): string[] {
  const [, printed = ''] = stderr.split('Next, to install it again:\n')
  return printed.split('\n').flatMap((line) => (line.startsWith('  ') ? [line.trim()] : []))
}

describe('a Flux that flux bootstrap has made', () => {
  const bootstrapped = installations['flux bootstrap git']

  beforeAll(async () => {
    await lab.reset('empty')
    world.workstation.remove()
    world = await openWorld(lab, unusualWorkstation)
    await bootstrapped.install(world)
    await untilHealthy(world)
  })

  test('is healthy, at the head of what it follows, and comes back by the command that is printed', async () => {
    const { git } = await lab.access()
    const { workstation } = world
    const { health } = await readHealth(world)
    expect(health.probes.filter(({ state }) => state !== 'ok')).toEqual([])
    const follows = { kind: 'GitRepository', namespace: 'flux-system', name: 'flux-system', url: git.url, ref: 'refs/heads/main' }
    expect(health.flux).toMatchObject({ installedBy: 'cli', follows })
    const down = await workstation.run('teardown', '--yes', `--destroy=${context}`, '--json')
    expect(down.code, down.stderr).toBe(0)
    const commands = printedAfter(down.stderr)
    const words = `flux bootstrap git --url=${git.url} --branch=main --path=./${ownPath} --secret-name=flux-system --interval=1h0m0s --token-auth --username=${git.username} --allow-insecure-http`
    expect(commands.map((command) => command.split(' --version')[0]?.split(' --from')[0])).toEqual([
      `npx zx scripts/restore.ts ${where}`,
      words,
      `npx zx scripts/restore.ts ${where}`,
    ])
    await workstation.type(`${commands[0]} --yes`)
    await workstation.type(commands[1] ?? '')
    await untilHealthy(world)
    expect(await readHealth(world)).toMatchObject({ code: 0, health: { healthy: true, flux: { installedBy: 'cli', follows } } })
  })
})
