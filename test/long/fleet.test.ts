import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { labAccess } from '../../lab/client.ts'
import { kinds } from '../../lib/kubernetes/objects.ts'
import { type Fleet, fleetDocument, fleetIn } from '../lab/fleet.ts'
import { commitFile, script, startLab, type TestLab, withLogin } from '../lab/harness.ts'
import { newTags, oldTags, tags } from '../lab/older-flux.ts'
import { labHome } from '../../lab/home.ts'

// An upgrade of a fleet that fails, is stopped, and is killed; each time resumed to its end.
let lab: TestLab
let fleet: Fleet
const contexts = ['lab-infra', 'lab-apps']

beforeAll(async () => {
  lab = await startLab(['infra', 'apps'], { olderFlux: ['2.9.4'], start: { name: 'fleet-old', make: bootstrapBoth } })
  await lab.snapshot('fleet-old')
  fleet = fleetIn(lab)
})
afterAll(async () => {
  fleet.remove()
  await lab.close()
})
beforeEach(() => lab.reset('fleet-old'))

async function bootstrapBoth(): Promise<void> {
  const { git } = await labAccess()
  for (const name of ['infra', 'apps']) {
    const settings = `kubernetes/clusters/${name}/settings.yaml`
    commitFile(withLogin(git), settings, (text) => text.replace('flux_version: "2.9.5"', 'flux_version: "2.9.4"'))
    const { code, stderr } = await script('bootstrap', ['--lab', '--context', `lab-${name}`, '--yes'], { home: labHome() })
    if (code !== 0) throw new Error(`the bootstrap of ${name} that the tests begin with ended with ${code}:\n${stderr}`)
  }
}

const file = `clusters:
  - {name: infra, context: lab-infra, wave: canary}
  - {name: apps, context: lab-apps, wave: rest}
waves:
  - {name: canary, soak: 1s}
  - name: rest
`
const upgrade = ['upgrade', '--to', '2.9.5', '--yes', '--json', '--no-image-check']

/** That every cluster runs one version, and no lock is left. */
async function expectEverywhere(wanted: readonly string[]): Promise<void> {
  for (const context of contexts) {
    const cluster = await lab.cluster(context)
    expect(await tags(cluster), context).toEqual(wanted)
    expect(await cluster.get({ ...kinds.lease, namespace: 'kube-system', name: 'flux-runbook' })).toBeUndefined()
  }
}

test('a canary that goes back stops the fleet; once the cause is gone, the resumed run ends done', async () => {
  await lab.setFault('image=source-controller:v1.9.5')
  const failed = await fleet.run([...upgrade, '--timeout', '60s'], file)
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

test('Ctrl-C lets the canary come to its end and begins no more; killed in the middle of the rest, it is resumed with its own run', async () => {
  const stopped = fleet.start(upgrade, file)
  await stopped.said('  infra: Let Flux fetch and apply it')
  stopped.kill('SIGINT')
  const ended = await stopped.ended
  expect(ended, ended.stderr).toMatchObject({ code: 130 })
  expect(fleetDocument(ended)).toMatchObject({
    outcome: 'cancelled',
    waves: [{ clusters: [{ outcome: 'done' }] }, { clusters: [{ outcome: 'not-started' }] }],
  })
  const refused = await fleet.run(upgrade, file)
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
