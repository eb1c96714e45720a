import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allProbes } from '../../../lib/health/all-probes.ts'
import type { ProbeResult } from '../../../lib/health/probe.ts'
import { shellQuote } from '../../../lib/base/shell-line.ts'
import { isRequested } from '../../../lib/flux/reconcile-request.ts'
import { readinessOf } from '../../../lib/flux/readiness.ts'
import { findInstance, usualNamespace as namespace } from '../../../lib/flux/refs.ts'
import { documentOf, startLab, type TestLab, untilRunning, withLogin } from '../harness.ts'
import { breakages } from './breakages.ts'
import { type FluxKind, installations } from './installations.ts'
import { ownWork } from './own-work.ts'
import { openWorld, type World } from './world.ts'
import type { WorkstationOptions } from './workstation.ts'

const healthSchema = v.looseObject({
  healthy: v.boolean(),
  flux: v.record(v.string(), v.unknown()),
  probes: v.array(v.object({ id: v.string(), state: v.string(), applies: v.boolean(), detail: v.string() })),
})
export type Health = v.InferOutput<typeof healthSchema>

/** What health-check's document says, by `--context` alone. */
export async function readHealth({
  workstation,
}: World): Promise<{ readonly code: number; readonly stderr: string; readonly health: Health }> {
  const { code, stderr, stdout } = await workstation.run('health-check', '--json')
  return { code, stderr, health: v.parse(v.pipe(v.string(), v.parseJson(), healthSchema), stdout) }
}

/** Waits until nothing is unhealthy any more; what still is by then never will be well. */
export async function untilHealthy({ lab, cluster, turned, until }: World): Promise<void> {
  await untilRunning(lab)
  const deadline = Date.now() + 180_000
  let still: ProbeResult[] = []
  await until(async () => {
    still = await turned()
    const instance = await findInstance(cluster)
    const isBusy = instance !== undefined && (isRequested(instance) || readinessOf(instance).is !== 'ready')
    return (still.length === 0 && !isBusy) || Date.now() > deadline
  })
  expect(still).toEqual([])
}

/** Breaks one thing, and sees that its probe turns, and no other. */
export async function checkProbe(world: World, kind: FluxKind, id: string): Promise<void> {
  const breakage = breakages[id]
  if (breakage === undefined) throw new Error(`nothing breaks what the probe ${id} checks`)
  const { stale = [] } = breakage
  const { object, undo, look } = await breakage.inject(world, kind)
  try {
    let seen: readonly ProbeResult[] = []
    const deadline = Date.now() + 120_000
    await world.until(async () => {
      seen = await world.turned(look)
      return seen.some(({ id: turned, state }) => turned === id && state === breakage.state) || Date.now() > deadline
    })
    const own = seen.filter((one) => one.state !== 'warn' || !stale.includes(one.id))
    expect(own).toMatchObject([{ id, state: breakage.state, objects: expect.arrayContaining([expect.objectContaining({ object })]) }])
  } finally {
    await undo()
  }
  await untilHealthy(world)
}

/** The probes that have something to check on this kind of cluster. */
export function probesOf({ without }: FluxKind): string[] {
  return allProbes.map(({ id }) => id).filter((id) => !without.includes(id))
}

/** Captures, tears down, has it back by what is printed, and finds it as it was. */
export async function checkLifecycle(world: World, kind: FluxKind): Promise<void> {
  const { workstation, cluster, lab } = world
  const uid = (await cluster.get(ownWork))?.metadata.uid
  const capture = join(workstation.home, 'a capture.age')
  const captured = await workstation.run('capture', '--out', capture, '--recipient', workstation.recipient, '--json')
  expect(captured.code, captured.stderr).toBe(0)
  const planned = await workstation.run('teardown', '--dry-run', '--json')
  expect(planned.code, planned.stderr).toBe(0)
  for (const kept of keptFirst(planned.stderr)) await workstation.type(kept)

  const down = await workstation.run('teardown', '--yes', `--destroy=${workstation.context}`, '--json')
  expect(down.code, down.stderr).toBe(0)
  expect(documentOf(down)).toMatchObject({ outcome: 'done', survival: { changed: 0, missing: 0 }, residue: [] })
  expect((await cluster.get(ownWork))?.metadata.uid).toBe(uid)

  const [, printed = ''] = down.stderr.split('Next, to install it again:\n')
  for (const command of printed.split('\n').filter((line) => line.startsWith('  ')))
    await workstation.type(await onLab(command.trim(), lab))
  const restored = await workstation.type(
    `npx zx scripts/restore.ts --context ${shellQuote(workstation.context)} --from ${shellQuote(capture)} --yes --json`,
  )
  expect(documentOf({ code: 0, stdout: restored, stderr: '' })).toMatchObject({ exitCode: 0 })
  await untilHealthy(world)
  const { code, stderr, health } = await readHealth(world)
  expect(code, stderr).toBe(0)
  expect(health).toMatchObject({ healthy: true, flux: { installedBy: kind.installedBy, version: '2.9.5', shards: kind.shards } })
  expect((await cluster.get(ownWork))?.metadata.uid).toBe(uid)
}

const drillSchema = v.looseObject({ exitCode: v.number(), scenarios: v.array(v.looseObject({ name: v.string(), met: v.boolean() })) })

/** Rehearses what recover can repair without Git, and sees it repaired. */
export async function checkDrill(world: World, { installedBy }: FluxKind): Promise<void> {
  const { workstation } = world
  const ended = await workstation.run(
    'drill',
    '--scenario',
    'all',
    '--objective',
    '1h',
    '--yes',
    `--destroy=${workstation.context}`,
    '--json',
  )
  expect(ended.code, ended.stderr).toBe(0)
  const { scenarios } = v.parse(v.pipe(v.string(), v.parseJson(), drillSchema), ended.stdout)
  expect(scenarios.map(({ name, met }) => `${name} ${met}`)).toEqual([
    'controllers-deleted true',
    ...(installedBy === 'operator' ? ['instance-suspended true'] : []),
  ])
  await untilHealthy(world)
}

/** What the plan says has to be kept before it is gone. */
function keptFirst(stderr: string): string[] {
  return [...stderr.matchAll(/save them first: (.+)$/gm)].map(([, commands = '']) => commands)
}

/**
 * A printed command as the lab can run it: upstream's charts come from its registry, over plain http, nobody is there to be asked, and what
 * is to be called in a checkout of the cluster's repository has its folders.
 */
async function onLab(command: string, lab: TestLab): Promise<string> {
  const { registry, git } = await lab.access()
  const [call = ''] = command.split('   # in a checkout of ')
  const checkedOut =
    call === command ? '' : `git clone --quiet ${withLogin(git)} theirs; cp -r theirs/kubernetes/clusters/. kubernetes/clusters; `
  const consented = call.startsWith('npx zx') ? `${call} --yes` : call
  return checkedOut + consented.replace(/ (oci:\/\/)ghcr\.io\/controlplaneio-fluxcd\/charts/, ` --plain-http $1${registry}/charts`)
}

/**
 * Registers the tests of one kind of installation: healthy, each probe, and there and back again.
 * @param more registers what is to be tested of this kind alone, before it is taken down
 */
export function testInstallation(
  name: keyof typeof installations,
  options: WorkstationOptions,
  more: (world: () => World) => void = () => undefined,
): void {
  const kind: FluxKind = installations[name]
  let world: World
  beforeAll(async () => {
    world = await openWorld(await startLab(['infra']), options)
    await kind.install(world)
    await untilHealthy(world)
  })
  afterAll(() => world.close())

  test('is healthy, by --context alone', async () => {
    const { code, stderr, health } = await readHealth(world)
    expect(code, stderr).toBe(0)
    expect(health.probes.filter(({ state }) => state !== 'ok')).toEqual([])
    expect(health.probes.filter(({ applies }) => !applies).map(({ id }) => id)).toEqual([...kind.without, 'alerts'])
    const { source } = kind
    expect(health.flux).toMatchObject({
      installedBy: kind.installedBy,
      version: '2.9.5',
      namespace,
      shards: kind.shards,
      follows: { kind: source.kind, namespace: source.namespace, name: source.name },
    })
  })

  test.each(probesOf(kind))('the probe %s turns when its thing is broken, and no other', (id) => checkProbe(world, kind, id))

  more(() => world)

  test('a drill breaks what recover can repair without a folder, and sees it repaired', () => checkDrill(world, kind))

  test('taken down, it comes back by what is printed and what was captured', () => checkLifecycle(world, kind))
}
