import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { descendantsOf } from '../../lib/process/child-process.ts'
import { startOf } from '../../lib/process/process-start.ts'
import { layoutOf } from '../../lab/layout.ts'
import { documentOf } from '../lab/harness.ts'
import { controllers, controllersOf29, everything, openPulumiWorld, type PulumiWorld, stack } from './world.ts'

let world: PulumiWorld
beforeAll(async () => {
  world = await openPulumiWorld('2.9.5', ['infra', 'apps'])
})
afterAll(() => world.close())

/** What stands in the way, of a run that changes nothing. */
const blocked = async (more: Record<string, string>, args: readonly string[] = everything): Promise<string> => {
  const ended = await world.run('bootstrap', args, more)
  expect(ended.code, ended.stderr).toBe(3)
  return documentOf(ended).error?.message ?? ''
}

describe('before anything is changed', () => {
  afterAll(async () => expect(await controllers(world.cluster)).toEqual([]))

  test('a wrong passphrase stops it', async () => {
    expect(await blocked({ PULUMI_CONFIG_PASSPHRASE_FILE: '', PULUMI_CONFIG_PASSPHRASE: 'wrong' })).toContain('incorrect passphrase')
  })

  test('a stack that does not exist stops it', async () => {
    expect(await blocked({ PULUMI_STACK: 'elsewhere' })).toContain("no stack named 'elsewhere' found")
  })

  test('a secret that is missing stops it', async () => {
    await world.pulumi('config', 'rm', 'github:token', '--stack', stack)
    expect(await blocked({})).toContain(`the Pulumi stack ${stack} has no config github.token, which its Flux needs`)
    await world.pulumi('config', 'set', '--secret', 'github:token', 'a-secret', '--stack', stack)
  })

  test('a build that fails stops it', async () => {
    expect(await blocked({ PULUMI_BUILD: 'echo "index.ts(1,1): no" >&2; exit 2' })).toContain('the build that PULUMI_BUILD names failed')
  })
})

const exportSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ deployment: v.object({ pending_operations: v.array(v.looseObject({ type: v.string() })) }) }),
)

const stateSchema = v.pipe(v.string(), v.parseJson(), v.looseObject({ checkpoint: v.looseObject({ latest: v.looseObject({}) }) }))

describe('a run that is killed with -9 within pulumi up', () => {
  let interrupted: string

  test('leaves no process behind, and is resumed to the same end although the stack stays locked', async () => {
    const running = world.start('bootstrap', everything)
    await running.said(/\+ +kubernetes:\S+ .*creating/)
    const family = descendantsOf(running.pid)
    // The engine first, and so hard that it cannot give its lock back.
    for (const pid of [...family].reverse()) process.kill(pid, 'SIGKILL')
    running.kill('SIGKILL')
    await running.ended
    await expect.poll(() => family.filter((pid) => startOf(pid) !== undefined), { timeout: 60_000 }).toEqual([])
    const fresh = [...everything, '--fresh']
    // The killed run's own lock of the cluster lapses first.
    await expect.poll(async () => (await world.run('bootstrap', fresh)).code, { timeout: 120_000 }).toBe(3)
    expect(await blocked({}, fresh)).toMatch(/the Pulumi stack infra is locked by .*, which is gone/)
    interrupted = await world.pulumi('stack', 'export', '--stack', stack)
    expect(v.parse(exportSchema, interrupted).deployment.pending_operations).not.toEqual([])
    const ended = await world.run('bootstrap', [...everything, '--resume'])
    expect(ended.code, ended.stderr).toBe(0)
    expect(await controllers(world.cluster)).toEqual(controllersOf29)
    expect(documentOf(await world.run('bootstrap', everything)).outcome).toBe('unchanged')
  })

  test('stops another run by the operations that it had begun, even where nobody holds the lock any more', async () => {
    // Not by `pulumi stack import`, which drops such operations.
    const file = join(layoutOf(world.lab.home).pulumi, 'state', '.pulumi', 'stacks', 'flux', `${stack}.json`)
    const whole = readFileSync(file, 'utf8')
    const { deployment } = v.parse(exportSchema, interrupted)
    const state = v.parse(stateSchema, whole)
    const latest = { ...state.checkpoint.latest, pending_operations: deployment.pending_operations }
    writeFileSync(file, JSON.stringify({ ...state, checkpoint: { ...state.checkpoint, latest } }))
    expect(await blocked({})).toMatch(/the Pulumi stack infra has operations that were interrupted: (reading|creating) /)
    writeFileSync(file, '')
    const damaged = await world.run('bootstrap', everything)
    expect([damaged.code, damaged.stderr]).toEqual([3, expect.stringContaining(`cp -- ${file}.bak ${file}`)])
    writeFileSync(file, whole)
  })
})

describe('a stack that was deployed to one cluster', () => {
  test('is not deployed to another', async () => {
    const message = await blocked({}, [...everything, '--context', 'lab-apps'])
    expect(message).toMatch(/the Pulumi stack infra was deployed to another cluster: the UID of its kube-system was \S+, and is \S+ here/)
  })
})
