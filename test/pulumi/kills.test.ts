import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as v from 'valibot'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { documentOf } from '../lab/harness.ts'
import { lease } from '../lab/killed-bootstrap.ts'
import {
  controllers,
  controllersOf27,
  crds,
  everything,
  installByKubectl,
  namespace,
  openPulumiWorld,
  type PulumiWorld,
  stack,
  workloads,
} from './world.ts'

const rebuilding = [...everything, '--destroy=lab-infra']
let world: PulumiWorld
let before: string[]

beforeAll(async () => {
  world = await openPulumiWorld('2.7.0')
  await installByKubectl(world)
  before = await workloads(world.cluster)
  await world.lab.snapshot('by-kubectl')
})
beforeEach(() => world.lab.reset('by-kubectl'))
afterAll(() => world.close())

/** Each controller with how many replicas it is to have, and each Flux object's finalizers: what a teardown touches first. */
function untouched(): Promise<string> {
  const fields = '{.kind} {.metadata.name} {.metadata.uid} {.spec.replicas} {.metadata.finalizers}'
  const output = `jsonpath={range .items[*]}${fields}{"\\n"}{end}`
  return world.lab.kubectl('--namespace', namespace, 'get', 'deployments,gitrepositories,kustomizations', '--output', output)
}

test('Ctrl-C before the point of no return leaves everything as it was', async () => {
  const was = await untouched()
  const running = world.start('rebuild', rebuilding)
  await running.said('✔ Take the fingerprint of everything')
  running.kill('SIGINT')
  const stopped = await running.ended
  expect(stopped.code, stopped.stderr).toBe(130)
  expect(documentOf(stopped)).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
  expect(await untouched()).toBe(was)
  expect(await controllers(world.cluster)).toEqual(controllersOf27)
  expect(await workloads(world.cluster)).toEqual(before)
  expect(await world.pulumi('stack', 'export', '--stack', stack)).not.toContain('"urn"')
})

test('killed with -9 after every step, and amid pulumi up, it is resumed to the same end, with one teardown', async () => {
  const uidOfNamespace = async (): Promise<string | undefined> =>
    (await world.cluster.get({ ...kinds.namespace, name: namespace }))?.metadata.uid
  const planned = documentOf(await world.run('rebuild', [...rebuilding, '--dry-run', '--fresh']))
  const first = planned.steps.findIndex(({ state }) => state === 'planned')
  const steps = planned.steps.slice(first, -1)
  expect(steps.length).toBeGreaterThan(15)
  const moments = steps.flatMap(({ id, title }) => {
    const end = `✔ ${v.parse(v.string(), title)}`
    return id === 'pulumi-up' ? [/\+ +kubernetes:\S+ .*creating/, end] : [end]
  })
  const namespaces = new Set([await uidOfNamespace()])
  for (const [at, moment] of moments.entries()) {
    const running = world.start('rebuild', [...rebuilding, at === 0 ? '--fresh' : '--resume'])
    await running.said(moment)
    running.kill('SIGKILL')
    await running.ended
    namespaces.add(await uidOfNamespace())
  }
  const last = await world.run('rebuild', [...rebuilding, '--resume'])
  expect(last.code, last.stderr).toBe(0)
  expect(documentOf(last)).toMatchObject({ outcome: 'done', residue: [], survival: { changed: 0, missing: 0 } })
  namespaces.add(await uidOfNamespace())
  // The first one, perhaps none for a while, and the new one: never a third.
  expect([...namespaces].filter((uid) => uid !== undefined)).toHaveLength(2)
  expect(await controllers(world.cluster)).toEqual(controllersOf27)
  expect(await workloads(world.cluster)).toEqual(before)
  expect((await crds(world.cluster)).legacy).toEqual([])
  expect(await world.cluster.get(lease)).toBeUndefined()
  expect(documentOf(await world.run('bootstrap', everything)).outcome).toBe('unchanged')
  expect(await world.pulumi('preview', '--stack', stack, '--expect-no-changes')).toContain('unchanged')
})
