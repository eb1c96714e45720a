import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documentOf } from '../lab/harness.ts'
import {
  controllers,
  controllersOf27,
  controllersOf29,
  crds,
  everything,
  installByKubectl,
  openPulumiWorld,
  type PulumiWorld,
  stack,
  workloads,
} from './world.ts'

let world: PulumiWorld
let before: string[]
const destroy = '--destroy=lab-infra'

beforeAll(async () => {
  world = await openPulumiWorld('2.7.0')
  await installByKubectl(world)
  before = await workloads(world.cluster)
  expect(await controllers(world.cluster)).toEqual(controllersOf27)
})
afterAll(() => world.close())

// One story, in the order of the plan that people have: each test continues from where the one before has left the cluster.
describe('a Flux that kubectl applied of old, rebuilt by Pulumi', () => {
  test('ends with six controllers of the chart’s version, every workload as it was, and no legacy manager', async () => {
    expect((await crds(world.cluster)).legacy).not.toEqual([])
    const ended = await world.run('rebuild', [...everything, destroy])
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
    expect(await controllers(world.cluster)).toEqual(controllersOf27)
    expect((await crds(world.cluster)).legacy).toEqual([])
    expect(await workloads(world.cluster)).toEqual(before)
    expect(ended.stderr).toMatch(/create: 14 CustomResourceDefinition/)
    const folder = /report: (\S+)\/report\.md/.exec(ended.stderr)?.[1] ?? ''
    expect(readFileSync(join(folder, 'pulumi-preview.txt'), 'utf8')).toContain('kubernetes:helm.sh/v4:Chart')
  })

  test('has nothing left to do: neither for bootstrap nor for pulumi by hand', async () => {
    const again = await world.run('bootstrap', everything)
    expect(again.code, again.stderr).toBe(0)
    expect(documentOf(again).outcome).toBe('unchanged')
    // The person's own kubeconfig, not the run's: no path of one is in the state.
    expect(await world.pulumi('preview', '--stack', stack, '--expect-no-changes')).toContain('unchanged')
    expect(await world.pulumi('stack', 'export', '--stack', stack)).not.toMatch(/"kubeconfig": "[^"]/)
  })

  test('gets the version that the stack’s config says', async () => {
    await world.pulumi('config', 'set', 'flux:chart_version', '2.9.5', '--stack', stack)
    const ended = await world.run('bootstrap', everything)
    expect(ended.code, ended.stderr).toBe(0)
    expect(documentOf(ended).outcome).toBe('done')
    expect(await controllers(world.cluster)).toEqual(controllersOf29)
    expect(await workloads(world.cluster)).toEqual(before)
  })

  test('is healthy', async () => {
    const ended = await world.run('health-check', ['--lab', '--json'])
    expect(documentOf(ended), ended.stderr).toMatchObject({ healthy: true, flux: { installedBy: 'pulumi', version: '2.9.5' } })
  })

  test('is destroyed by hand with the workloads, CRDs and what Flux follows left alone', async () => {
    const { all } = await crds(world.cluster)
    await world.pulumi('destroy', '--stack', stack, '--yes', '--skip-preview')
    expect(await controllers(world.cluster)).toEqual([])
    expect((await crds(world.cluster)).all).toBe(all)
    expect(await workloads(world.cluster)).toEqual(before)
  })

  test('comes back with everything adopted', async () => {
    const ended = await world.run('bootstrap', everything)
    expect(ended.code, ended.stderr).toBe(0)
    expect(await controllers(world.cluster)).toEqual(controllersOf29)
    expect(await workloads(world.cluster)).toEqual(before)
  })
})
