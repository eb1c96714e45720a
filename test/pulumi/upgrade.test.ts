import { afterAll, beforeAll, expect, test } from 'vitest'
import * as v from 'valibot'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { documentOf, type Ended } from '../lab/harness.ts'
import {
  controllers,
  controllersOf27,
  controllersOf29,
  everything,
  namespace,
  openPulumiWorld,
  type PulumiWorld,
  stack,
  workloads,
} from './world.ts'

const upgrading = ['--lab', '--to', '2.9.5', '--yes', '--json']
let world: PulumiWorld
let before: string[]

beforeAll(async () => {
  world = await openPulumiWorld('2.7.0')
  const made = await world.run('bootstrap', everything)
  expect(made.code, made.stderr).toBe(0)
  await world.cluster.apply(parseObject(byHand))
  before = await workloads(world.cluster)
  expect(await controllers(world.cluster)).toEqual(controllersOf27)
})
afterAll(() => world.close())

/** Written in an API version that 2.9.5 does not have: the chart's hook would migrate it. */
const byHand = {
  apiVersion: 'source.toolkit.fluxcd.io/v1beta2',
  kind: 'HelmRepository',
  metadata: { name: 'by-hand', namespace },
  spec: { type: 'oci', url: 'oci://registry.example.com/charts' },
}
const managedSchema = v.object({ metadata: v.object({ managedFields: v.array(v.looseObject({ apiVersion: v.string() })) }) })
async function writtenIn(): Promise<string[]> {
  const live = await world.cluster.get({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: byHand.kind, namespace, name: 'by-hand' })
  return [...new Set(v.parse(managedSchema, live).metadata.managedFields.map(({ apiVersion }) => apiVersion))]
}

const chartVersion = async (): Promise<string> => (await world.pulumi('config', 'get', 'flux:chart_version', '--stack', stack)).trim()

/** That Flux is as it was, for the stack too. */
async function expectUntouched(): Promise<void> {
  expect(await chartVersion()).toBe('2.7.0')
  expect(await controllers(world.cluster)).toEqual(controllersOf27)
  expect(await world.pulumi('preview', '--stack', stack, '--expect-no-changes')).toContain('unchanged')
}

const listed = v.looseObject({
  running: v.looseObject({ flux: v.string() }),
  versions: v.array(v.looseObject({ flux: v.string(), chart: v.string() })),
})

// One story: each test continues from where the one before has left the cluster.
test('lists the versions that the charts bring, and refuses what belongs to a Flux in Git', async () => {
  const list = await world.run('upgrade', ['--lab', '--list', '--json'])
  expect(list.code, list.stderr).toBe(0)
  expect(v.parse(listed, documentOf(list))).toMatchObject({
    running: { flux: '2.7.0', chart: '2.7.0' },
    versions: [
      { flux: '2.7.0', chart: '2.7.0', isHere: true },
      { flux: '2.9.5', chart: '2.9.5', isHere: false },
    ],
  })
  const refused = async (args: readonly string[], more: Record<string, string> = {}): Promise<string> => {
    const ended = await world.run('upgrade', ['--lab', '--yes', '--json', ...args], more)
    expect(ended.code, ended.stderr).toBe(3)
    return documentOf(ended).error?.message ?? ''
  }
  expect(await refused(['--operator', '0.59.0'])).toContain('--operator 0.59.0 is for a Flux whose version is in Git')
  expect(await refused(['--to', '2.9.5', '--branch', 'newer'])).toContain('--branch newer is for a Flux whose version is in Git')
  expect(await refused(['--to', '2.9.4'])).toContain('installs Flux 2.9.4; the nearest that exist are 2.9.5')
  expect(await refused(['--to', '2.6.0'])).toContain('Flux 2.6.0 is older than 2.7.0, which runs')
  expect(await refused(['--to', '2.9.5'], { PULUMI_STACK: '' })).toContain('no stack is named')
  await expectUntouched()
})

test('Ctrl-C before the change leaves everything as it was', async () => {
  const running = world.start('upgrade', upgrading)
  await running.said('◎ Start the images of Flux 2.9.5')
  running.kill('SIGINT')
  const stopped = await running.ended
  expect(stopped.code, stopped.stderr).toBe(130)
  expect((await world.cluster.list(kinds.pod, { namespace })).filter(({ metadata }) => metadata.name.startsWith('image-check'))).toEqual([])
  await expectUntouched()
})

const rolledBack = (ended: Ended): void => {
  expect(ended.code, ended.stderr).toBe(5)
  expect(documentOf(ended)).toMatchObject({ outcome: 'rolled-back', exitCode: 5, from: '2.7.0', to: '2.9.5' })
}

test('a version that does not start is rolled back by the stack, also where the run is killed in the midst of that', async () => {
  await world.lab.setFault('crash=source-controller:v1.9.5')
  const running = world.start('upgrade', [...upgrading, '--fresh'])
  await running.said(/~ +kubernetes:\S+ .*updating/)
  const first = await running.ended
  rolledBack(first)
  expect(first.stderr).toContain('Deployment flux-system/source-controller cannot run')
  await expectUntouched()

  const again = world.start('upgrade', [...upgrading, '--fresh'])
  await again.said(/rolling Flux back to 2\.7\.0[^]*~ +kubernetes:\S+ .*updating/)
  again.kill('SIGKILL')
  await again.ended
  rolledBack(await world.run('upgrade', [...upgrading, '--resume']))
  await expectUntouched()
  expect(await workloads(world.cluster)).toEqual(before)
  await world.lab.clearFaults()
})

test('killed with -9 amid pulumi up, it is resumed to the newer version, with old objects migrated', async () => {
  const running = world.start('upgrade', [...upgrading, '--fresh'])
  await running.said(/~ +kubernetes:\S+ .*updating/)
  running.kill('SIGKILL')
  await running.ended
  expect(await writtenIn()).toEqual(['source.toolkit.fluxcd.io/v1'])
  const ended = await world.run('upgrade', [...upgrading, '--resume'])
  expect(ended.code, ended.stderr).toBe(0)
  expect(documentOf(ended)).toMatchObject({ outcome: 'done', from: '2.7.0', to: '2.9.5' })
  expect(ended.stderr).toContain('commit Pulumi.infra.yaml, which has flux:chart_version 2.9.5 now')
  expect(await controllers(world.cluster)).toEqual(controllersOf29)
  expect(await workloads(world.cluster)).toEqual(before)
  expect(documentOf(await world.run('upgrade', upgrading)).outcome).toBe('unchanged')
  expect(await world.pulumi('preview', '--stack', stack, '--expect-no-changes')).toContain('unchanged')
  const health = await world.run('health-check', ['--lab', '--json'])
  expect(documentOf(health), health.stderr).toMatchObject({ healthy: true, flux: { installedBy: 'pulumi', version: '2.9.5' } })
})
