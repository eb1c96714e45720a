import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Fleet, fleetDocument, fleetIn } from '../lab/fleet.ts'
import { expectCluster, fleetUpgrade, resetFleet, startOldFleet } from '../lab/fleet-upgrades.ts'
import type { TestLab } from '../lab/harness.ts'
import { newTags, oldTags } from '../lab/older-flux.ts'

// An upgrade of a fleet that fails, is stopped, and is killed; each time resumed to its end.
let lab: TestLab
let fleet: Fleet
const names = ['infra', 'apps']

beforeAll(async () => {
  lab = await startOldFleet(names)
  await lab.snapshot('fleet-old')
  fleet = fleetIn(lab)
})
afterAll(async () => {
  fleet.remove()
  await lab.close()
})
beforeEach(() => resetFleet(lab, 'fleet-old', names))

const file = `clusters:
  - {name: infra, context: lab-infra, wave: canary}
  - {name: apps, context: lab-apps, wave: rest}
waves:
  - {name: canary, soak: 1s}
  - name: rest
`
/** That every cluster runs one version, and no lock is left. */
async function expectEverywhere(wanted: readonly string[]): Promise<void> {
  for (const name of names) await expectCluster(lab, name, wanted)
}

test('a canary that rolls back stops the fleet; once the cause is gone, the resumed run ends done', async () => {
  await lab.setFault('image=source-controller:v1.9.5')
  const failed = await fleet.run([...fleetUpgrade, '--timeout', '60s'], file)
  expect(failed, failed.stderr).toMatchObject({ code: 1 })
  expect(fleetDocument(failed)).toMatchObject({
    outcome: 'failed',
    waves: [
      { clusters: [{ name: 'infra', outcome: 'rolled-back', exitCode: 5 }] },
      { clusters: [{ name: 'apps', outcome: 'not-started' }] },
    ],
  })
  await expectEverywhere(oldTags)
  await lab.clearFaults()
  const resumed = await lab.run('fleet', ['--resume', '--lab', '--yes', '--json', '--timeout', '10m'])
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
  expect(fleetDocument(resumed)).toMatchObject({
    outcome: 'done',
    waves: [
      { clusters: [{ outcome: 'done', exitCode: 0, version: '2.9.5', health: { exitCode: 0 } }] },
      { clusters: [{ outcome: 'done', exitCode: 0, version: '2.9.5' }] },
    ],
  })
  await expectEverywhere(newTags)
})

test('Ctrl-C lets the canary finish and begins no more; killed in the middle of the rest, it is resumed with its own run', async () => {
  const stopped = fleet.start(fleetUpgrade, file)
  await stopped.said('  infra: Let Flux fetch and apply it')
  stopped.kill('SIGINT')
  const ended = await stopped.ended
  expect(ended, ended.stderr).toMatchObject({ code: 130 })
  expect(fleetDocument(ended)).toMatchObject({
    outcome: 'cancelled',
    waves: [{ clusters: [{ outcome: 'done' }] }, { clusters: [{ outcome: 'not-started' }] }],
  })
  const refused = await fleet.run(fleetUpgrade, file)
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('of this fleet was interrupted. Nothing was started') })

  const killed = lab.start('fleet', ['--resume', '--lab', '--yes'])
  await killed.said('  apps: Let Flux fetch and apply it')
  killed.kill('SIGKILL')
  await killed.ended
  const resumed = await lab.run('fleet', ['--resume', '--lab', '--yes', '--json'])
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
  expect(resumed.stderr).not.toContain('► canary/infra: upgrade')
  expect(resumed.stderr).toMatch(/^► rest\/apps: upgrade, resuming the run \d{8}T\d+Z-upgrade$/m)
  expect(fleetDocument(resumed)).toMatchObject({ outcome: 'done' })
  await expectEverywhere(newTags)
})

test('the script of a cluster is killed: that counts as a failure, no more is started, and the resumed run resumes the cluster’s own', async () => {
  const running = fleet.start(fleetUpgrade, file)
  await running.said('  infra: Let Flux fetch and apply it')
  process.kill(scriptOf('infra'), 'SIGKILL')
  const ended = await running.ended
  expect(ended, ended.stderr).toMatchObject({ code: 1 })
  const [canary, rest] = fleetDocument(ended).waves
  expect(canary?.clusters).toMatchObject([{ outcome: 'failed', exitCode: 1, error: { message: expect.stringContaining('SIGKILL') } }])
  expect(rest?.clusters).toMatchObject([{ outcome: 'not-started' }])
  const resumed = await lab.run('fleet', ['--resume', '--lab', '--yes', '--json'])
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
  expect(resumed.stderr).toMatch(/^► canary\/infra: upgrade, resuming the run \d{8}T\d+Z-upgrade$/m)
  expect(fleetDocument(resumed)).toMatchObject({ outcome: 'done' })
  await expectEverywhere(newTags)
})

const runSchema = v.object({ clusters: v.record(v.string(), v.looseObject({ process: v.optional(v.object({ pid: v.number() })) })) })

/** The process that works on a cluster in the last run. */
function scriptOf(name: string): number {
  const runs = join(lab.home, 'runs', '+fleet')
  const content = readFileSync(join(runs, readdirSync(runs).sort().at(-1) ?? '', 'fleet.json'), 'utf8')
  const pid = v.parse(v.pipe(v.string(), v.parseJson(), runSchema), content).clusters[name]?.process?.pid
  if (pid === undefined) throw new Error(`no script works on ${name}: ${content}`)
  return pid
}
