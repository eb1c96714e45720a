import { afterAll, beforeAll, expect, test } from 'vitest'
import * as v from 'valibot'
import { fluxKinds } from '../../lib/flux/kinds.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { documentOf, type Ended } from '../lab/harness.ts'
import { controllers, controllersOf29, namespace, openPulumiWorld, type PulumiWorld, stack } from './world.ts'
import { bringFlux, commitShop, uids, untilShopRuns } from './workloads.ts'

const viaPulumi = ['--lab', '--via', 'pulumi', '--json']
const takingOver = [...viaPulumi, '--take-over']
const consent = ['--yes', '--destroy=lab-infra']
let world: PulumiWorld
let before: Record<string, string | undefined>

beforeAll(async () => {
  world = await openPulumiWorld('2.9.5')
  await commitShop(world.lab)
  await world.pulumi('config', 'set', 'flux:git_path', './kubernetes/clusters/infra', '--stack', stack)
  const made = await world.run('bootstrap', ['--lab', '--yes', '--json'])
  expect(made.code, made.stderr).toBe(0)
  await untilShopRuns(world.lab)
  before = await uids(world.cluster)
  expect(Object.keys(before).filter((name) => name.startsWith('Deployment shop/'))).toHaveLength(50)
})
afterAll(() => world.close())

const surviving = v.looseObject({ survival: v.object({ checked: v.number(), changed: v.number(), missing: v.number() }) })
const survivalOf = (ended: Ended) => v.parse(surviving, documentOf(ended)).survival

/** What an operator and a FluxInstance are, with the field that a take-over changes first. */
async function operatorsOwn(): Promise<string[]> {
  const found = [...(await world.cluster.list(fluxKinds.fluxInstance)), ...(await world.cluster.list(fluxKinds.helmRelease, { namespace }))]
  return found.map(({ kind, metadata: { name, uid, generation, annotations } }) =>
    JSON.stringify([kind, name, uid, generation, annotations]),
  )
}

/** Who has applied fields of the controllers and CRDs. */
async function managers(): Promise<Set<string>> {
  const found = [...(await world.cluster.list(kinds.deployment, { namespace })), ...(await world.cluster.list(kinds.crd))]
  const applied = found.flatMap(({ metadata }) => metadata.managedFields.filter(({ subresource }) => subresource === undefined))
  return new Set(applied.map(({ manager }) => manager.replace(/^(pulumi-kubernetes)-.*/, '$1')))
}

// One story: each test continues from where the one before has left the cluster.
test('an operator’s Flux is not touched by Pulumi unless that is asked for, and not while Git has the FluxInstance', async () => {
  const refused = await world.run('bootstrap', [...viaPulumi, ...consent])
  expect(refused.code, refused.stderr).toBe(3)
  expect(refused.stderr).toContain('npx zx scripts/bootstrap.ts --lab --context lab-infra --via pulumi --take-over')
  const early = await world.run('bootstrap', [...takingOver, ...consent])
  expect(early.code, early.stderr).toBe(3)
  expect(documentOf(early).error?.message).toContain('applies HelmRelease flux-system/flux-instance from Git, and would bring it back')
})

test('Ctrl-C before the point of no return leaves everything as it was', async () => {
  await bringFlux(world.lab, false)
  await world.lab.kubectl(
    '--namespace',
    namespace,
    'annotate',
    'gitrepository',
    namespace,
    'reconcile.fluxcd.io/requestedAt=now',
    '--overwrite',
  )
  await world.lab.kubectl('--namespace', namespace, 'wait', '--for=delete', 'kustomization/infra-gitops-flux-instance', '--timeout=180s')
  await world.lab.kubectl('--namespace', namespace, 'wait', '--for=delete', 'kustomization/infra-gitops-flux-operator', '--timeout=180s')
  const was = await operatorsOwn()
  const running = world.start('bootstrap', [...takingOver, ...consent])
  await running.said('◎ Record what Pulumi takes over')
  running.kill('SIGINT')
  const stopped = await running.ended
  expect(stopped.code, stopped.stderr).toBe(130)
  expect(await operatorsOwn()).toEqual(was)
  expect(await uids(world.cluster)).toEqual(before)
})

test('Pulumi takes over an operator’s Flux, also where the run is killed once the operator has let go: every object stays the same', async () => {
  const plan = await world.run('bootstrap', ['--lab', '--via', 'pulumi', '--take-over', '--dry-run', '--fresh'])
  expect(plan.code, plan.stderr).toBe(0)
  expect(plan.stdout).toContain('Flux was installed by flux-operator; Pulumi takes over Deployments ')
  expect(plan.stdout).toContain('point of no return')
  const running = world.start('bootstrap', [...takingOver, ...consent, '--fresh'])
  await running.said('✔ Delete the FluxInstance')
  running.kill('SIGKILL')
  await running.ended
  const ended = await world.run('bootstrap', [...takingOver, ...consent, '--resume'])
  expect(ended.code, ended.stderr).toBe(0)
  expect(survivalOf(ended)).toMatchObject({ changed: 0, missing: 0 })
  expect(await stayed()).toEqual({})
  expect(await controllers(world.cluster)).toEqual(controllersOf29)
  expect(await managers()).not.toContain('flux-operator')
  // By name: the client has looked up once which kinds there are.
  await expect.poll(() => world.cluster.get({ ...kinds.crd, name: 'fluxinstances.fluxcd.controlplane.io' })).toBeUndefined()
})

test('is Pulumi’s then: for health-check, upgrade, another bootstrap, and Pulumi itself', async () => {
  const health = await world.run('health-check', ['--lab', '--json'])
  expect(documentOf(health), health.stderr).toMatchObject({ healthy: true, flux: { installedBy: 'pulumi', version: '2.9.5' } })
  const upgrade = await world.run('upgrade', ['--lab', '--to', '2.9.5', '--yes', '--json'])
  expect(documentOf(upgrade), upgrade.stderr).toMatchObject({ outcome: 'unchanged', from: '2.9.5', to: '2.9.5' })
  const again = await world.run('bootstrap', [...viaPulumi, '--yes'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
  expect(await world.pulumi('preview', '--stack', stack, '--expect-no-changes')).toContain('unchanged')
})

test('flux-operator takes over Pulumi’s Flux: every object stays the same, and the stack has no Flux any more', async () => {
  await bringFlux(world.lab, true)
  const refused = await world.run('bootstrap', ['--lab', '--json', ...consent])
  expect(refused.code, refused.stderr).toBe(3)
  expect(refused.stderr).toContain('was installed by Pulumi')
  expect(refused.stderr).toContain('npx zx scripts/bootstrap.ts --lab --context lab-infra --take-over')
  const ended = await world.run('bootstrap', ['--lab', '--json', '--take-over', ...consent])
  expect(ended.code, ended.stderr).toBe(0)
  expect(survivalOf(ended)).toMatchObject({ changed: 0, missing: 0 })
  expect(await stayed()).toEqual({})
  expect(await controllers(world.cluster)).toContain('flux-operator:v0.59.0')
  expect(await managers()).not.toContain('pulumi-kubernetes')
  expect(await world.pulumi('stack', 'export', '--stack', stack)).not.toContain('FluxBootstrap')
  expect(ended.stderr).toContain('remove FluxBootstrap from the program')
})

test('is the operator’s then: for health-check, upgrade, and another bootstrap', async () => {
  const health = await world.run('health-check', ['--lab', '--json'])
  expect(documentOf(health), health.stderr).toMatchObject({ healthy: true, flux: { installedBy: 'operator', version: '2.9.5' } })
  const upgrade = await world.run('upgrade', ['--lab', '--to', '2.9.5', '--yes', '--json'])
  expect(documentOf(upgrade), upgrade.stderr).toMatchObject({ outcome: 'unchanged' })
  const again = await world.run('bootstrap', ['--lab', '--yes', '--json'])
  expect(documentOf(again), again.stderr).toMatchObject({ outcome: 'unchanged' })
})

/** What of it is gone, or another object; controllers' pods, which restart, are not among it. */
async function stayed(): Promise<Record<string, string | undefined>> {
  const now = await uids(world.cluster)
  return Object.fromEntries(Object.entries(before).flatMap(([name, uid]) => (now[name] === uid ? [] : [[name, now[name]]])))
}
