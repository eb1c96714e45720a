import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { fleetDocument } from '../lab/fleet.ts'
import { evictPod, type JobFleet, jobFleetIn, killPod } from '../lab/fleet-jobs.ts'
import { expectCluster, fleetUpgrade, resetFleet, startOldFleet } from '../lab/fleet-upgrades.ts'
import type { TestLab } from '../lab/harness.ts'
import { newTags, oldTags } from '../lab/older-flux.ts'

// An upgrade of three clusters by Jobs on one of them: one that fails, and one that is killed wherever it can be; each is resumed to its end.
let lab: TestLab
let fleet: JobFleet
const names = ['infra', 'apps', 'edge']

beforeAll(async () => {
  lab = await startOldFleet(names)
  const { git } = await lab.access()
  const login = { GIT_USERNAME: git.username, GIT_PASSWORD: git.password, GIT_ORIGIN: new URL(git.url).origin }
  fleet = await jobFleetIn(lab, names, login)
  await lab.snapshot('fleet-jobs-ready')
})
afterAll(async () => {
  fleet.remove()
  await lab.close()
})
beforeEach(() => resetFleet(lab, 'fleet-jobs-ready', names))

const file = `clusters:
  - {name: infra, context: c-infra, cluster: infra, kubeconfigSecret: infra-kubeconfig, wave: canary}
  - {name: apps, context: c-apps, cluster: apps, kubeconfigSecret: apps-kubeconfig, wave: rest}
  - {name: edge, context: c-edge, cluster: edge, kubeconfigSecret: edge-kubeconfig, wave: rest}
waves:
  - {name: canary, soak: 1s}
  - {name: rest, parallel: 2}
`
/** That every cluster runs one version, and that no lock is left. */
async function expectEverywhere(wanted: readonly string[]): Promise<void> {
  for (const name of names) await expectCluster(lab, name, wanted)
}

test('a canary that rolls back stops the fleet; once the cause is gone, the resumed run ends done', async () => {
  await lab.setFault('crash=source-controller:v1.9.5')
  const failed = await fleet.runFile(fleetUpgrade, file)
  expect(failed, failed.stderr).toMatchObject({ code: 1 })
  expect(fleetDocument(failed)).toMatchObject({
    outcome: 'failed',
    waves: [
      { clusters: [{ name: 'infra', outcome: 'rolled-back', exitCode: 5 }] },
      {
        clusters: [
          { name: 'apps', outcome: 'not-started' },
          { name: 'edge', outcome: 'not-started' },
        ],
      },
    ],
  })
  await expectEverywhere(oldTags)
  await lab.clearFaults()
  const resumed = await fleet.run(['--resume', '--on', 'lab-infra', '--yes', '--json'])
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
  const done = { outcome: 'done', exitCode: 0, version: '2.9.5' }
  expect(fleetDocument(resumed)).toMatchObject({
    outcome: 'done',
    waves: [{ clusters: [{ ...done, health: { exitCode: 0 } }] }, { clusters: [done, done] }],
  })
  await expectEverywhere(newTags)
})

test('conductor, terminal and a worker are killed in the middle: each is resumed, and no cluster is upgraded twice', async () => {
  const before = lastRun()
  const begun = fleet.startFile(fleetUpgrade, file)
  const runId = await untilFollowed('infra', before)
  begun.kill('SIGKILL')
  await killPod(/-conductor-1-/)
  const watching = fleet.start(['--resume', '--yes', '--json'])
  await begun.ended
  await untilFollowed('apps', before)
  await killPod(/-wave-\d+-0-/) // the other cluster of the wave has index 1
  const ended = await watching.ended
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(ended.stderr).toContain('⚠ rest/apps: its pod was killed: exit code 137\n')
  expect(ended.stderr).toContain('► rest/apps: upgrade again\n')
  expect(fleetDocument(ended)).toMatchObject({
    outcome: 'done',
    runId,
    waves: [{ clusters: [{ outcome: 'done' }] }, { clusters: [{ outcome: 'done' }, { outcome: 'done' }] }],
  })
  await expectEverywhere(newTags)
  expectOneUpgradeEach(runId)
  const nothing = await fleet.run(['--resume', runId])
  expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining(`the run ${runId} is done: nothing is left to resume`) })
})

test('two pods are evicted: one brings its cluster to its end, of the other, killed meanwhile, another pod resumes the run; neither counts', async () => {
  const before = lastRun()
  const running = fleet.startFile(fleetUpgrade, file.replace('wave: canary', 'wave: rest').replace('  - {name: canary, soak: 1s}\n', ''))
  const runId = await untilFollowed('infra', before)
  await untilFollowed('apps', before)
  await evictPod(fleet, 0)
  await evictPod(fleet, 1)
  await killPod(/-wave-\d+-1-/)
  const ended = await running.ended
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(ended.stderr).toContain('⚠ rest/apps: its pod was killed: exit code 137\n')
  expect(ended.stderr).toContain('► rest/apps: upgrade again\n')
  expect(ended.stderr).not.toContain('► rest/infra: upgrade again')
  expect(fleetDocument(ended)).toMatchObject({
    outcome: 'done',
    waves: [{ clusters: names.map(() => ({ outcome: 'done', version: '2.9.5' })) }],
  })
  const counted = '{range .items[*]}{.spec.completionMode} {.status.succeeded} {.status.failed} {.status.failedIndexes};{end}'
  expect(await fleet.kubectl('get', 'jobs', '--selector', `flux-runbook/run=${runId}`, '--output', `jsonpath=${counted}`)).toMatch(
    /Indexed 3 (0|) ;/,
  )
  await expectEverywhere(newTags)
  expectOneUpgradeEach(runId)
})

test('with more failures than are tolerated no more is started, and what runs finishes although its pod is to go', async () => {
  const failed = await fleet.runFile(
    fleetUpgrade,
    `clusters:
  - {name: apps, context: c-apps, cluster: apps, kubeconfigSecret: apps-kubeconfig, wave: rest}
  - {name: edge, context: c-edge, cluster: nowhere, kubeconfigSecret: edge-kubeconfig, wave: rest}
  - {name: infra, context: c-infra, cluster: infra, kubeconfigSecret: infra-kubeconfig, wave: rest}
waves: [{name: rest, parallel: 2}]
`,
  )
  expect(failed, failed.stderr).toMatchObject({ code: 1 })
  expect(fleetDocument(failed)).toMatchObject({
    outcome: 'failed',
    waves: [
      {
        clusters: [
          { name: 'apps', outcome: 'done', exitCode: 0, version: '2.9.5' },
          { name: 'edge', outcome: 'blocked', exitCode: 2 },
          { name: 'infra', outcome: 'not-started' },
        ],
      },
    ],
  })
  const log = readFileSync(fleet.onVolume('+fleet', lastRun(), 'clusters', 'edge.log'), 'utf8')
  expect(log).toContain('there is no kubernetes/clusters/nowhere/settings.yaml: the tree has no such cluster')
})

/** That no cluster was upgraded by more than one run of its own since the fleet's began. */
function expectOneUpgradeEach(runId: string): void {
  for (const name of names) {
    const runs = readdirSync(fleet.onVolume(`c-${name}`)).filter((run) => run.endsWith('-upgrade') && run > runId)
    expect(runs, name).toHaveLength(1)
  }
}

/** The last run on the fleet's volume, which outlives a reset of the lab; empty where there is none. */
function lastRun(): string {
  return existing(() => readdirSync(fleet.onVolume('+fleet')).sort().at(-1)) ?? ''
}

/** Waits until the upgrade of a cluster, by a run after that one, has changed Git, and Flux is to follow. Returns the run. */
async function untilFollowed(name: string, before: string): Promise<string> {
  const log = (): string => {
    const run = lastRun()
    return run > before ? (existing(() => readFileSync(fleet.onVolume('+fleet', run, 'clusters', `${name}.log`), 'utf8')) ?? '') : ''
  }
  await expect.poll(log, { timeout: 900_000, interval: 50 }).toContain('Let Flux fetch and apply it')
  return lastRun()
}

function existing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined // not yet
  }
}
