import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fleetDocument, fleetIn } from '../lab/fleet.ts'
import { jobFleetIn } from '../lab/fleet-jobs.ts'
import { expectCluster, fleetUpgrade, resetFleet, startOldFleet } from '../lab/fleet-upgrades.ts'
import type { Ended, TestLab } from '../lab/harness.ts'
import { newTags, oldTags } from '../lab/older-flux.ts'

// Six clusters, a canary and then two at a time, by both engines. They take some eight gigabytes.
const names = ['infra', 'apps', 'edge', 'east', 'west', 'north'] as const

/** One way to carry the fleet out. */
interface Engine {
  readonly begin: () => Promise<Ended>
  readonly resume: () => Promise<Ended>
  /** Where the runs of a cluster are. */
  readonly runsOf: (name: string) => string
  readonly remove: () => void
}

let lab: TestLab
beforeAll(async () => {
  lab = await startOldFleet(names)
  await lab.snapshot('fleet-six')
}, 1_800_000)
afterAll(() => lab.close())
beforeEach(() => resetFleet(lab, 'fleet-six', names))

function fileWith(line: (name: string) => string): string {
  const clusters = names.map((name) => `  - {name: ${name}, ${line(name)}, wave: ${name === 'infra' ? 'canary' : 'rest'}}\n`)
  return `clusters:\n${clusters.join('')}waves:\n  - {name: canary, soak: 1s}\n  - {name: rest, parallel: 2}\n`
}

const engines: Readonly<Record<string, () => Promise<Engine>>> = {
  local() {
    const fleet = fleetIn(lab)
    return Promise.resolve({
      begin: () =>
        fleet.run(
          fleetUpgrade,
          fileWith((name) => `context: lab-${name}`),
        ),
      resume: () => lab.run('fleet', ['--resume', '--lab', '--yes', '--json']),
      runsOf: (name) => join(lab.home, 'runs', `lab-${name}`),
      remove: fleet.remove,
    })
  },
  async kubernetes() {
    const { git } = await lab.access()
    const login = { GIT_USERNAME: git.username, GIT_PASSWORD: git.password, GIT_ORIGIN: new URL(git.url).origin }
    const fleet = await jobFleetIn(lab, names, login)
    const line = (name: string): string => `context: c-${name}, cluster: ${name}, kubeconfigSecret: ${name}-kubeconfig`
    return {
      begin: () => fleet.runFile(fleetUpgrade, fileWith(line)),
      resume: () => fleet.run(['--resume', '--on', 'lab-infra', '--yes', '--json']),
      runsOf: (name) => fleet.onVolume(`c-${name}`),
      remove: fleet.remove,
    }
  },
}

describe.each(Object.entries(engines))('six clusters, engine %s', (_, open) => {
  test('one whose new controller crashes rolls back, and no more are started; once the cause is gone the resumed run ends done', async () => {
    const engine = await open()
    try {
      await lab.setFault('crash=apps/source-controller:v1.9.5')
      const failed = await engine.begin()
      expect(failed, failed.stderr).toMatchObject({ code: 1 })
      const first = fleetDocument(failed)
      expect(first.waves[0]?.clusters).toMatchObject([{ name: 'infra', outcome: 'done', version: '2.9.5', health: { exitCode: 0 } }])
      const [apps, ...others] = first.waves[1]?.clusters ?? []
      expect(apps).toMatchObject({ name: 'apps', outcome: 'rolled-back', exitCode: 5, version: '2.9.4' })
      // Those beside it finished; how many that were depends on how long it took to roll back.
      expect(others.map(({ outcome }) => outcome).join(' '), JSON.stringify(others, undefined, 2)).toMatch(
        /^done( done){0,2}( not-started){1,3}$/,
      )
      expectTwoAtATime(first)
      const done = new Set(first.waves.flatMap((wave) => wave.clusters).flatMap(({ name, outcome }) => (outcome === 'done' ? [name] : [])))
      for (const name of names) await expectCluster(lab, name, done.has(name) ? newTags : oldTags)

      await lab.clearFaults()
      const resumed = await engine.resume()
      expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
      const second = fleetDocument(resumed)
      const all = second.waves.flatMap((wave) => wave.clusters)
      expect(all.map(({ name, outcome, version }) => [name, outcome, version])).toEqual(names.map((name) => [name, 'done', '2.9.5']))
      for (const name of names) {
        await expectCluster(lab, name, newTags)
        const upgrades = readdirSync(engine.runsOf(name)).filter((run) => run.endsWith('-upgrade') && run > (first.runId ?? ''))
        expect(upgrades, name).toHaveLength(name === 'apps' ? 2 : 1)
      }
      expect(second.runId).toBe(first.runId)
      console.log([...timesOf(first), ...timesOf(second)].join('\n'))
    } finally {
      engine.remove()
    }
  })
})

/** The rest began when the canary had ended, and never more than two ran. */
function expectTwoAtATime({ waves }: ReturnType<typeof fleetDocument>): void {
  const spans = waves.map(({ clusters }) =>
    clusters.flatMap(({ startedAt, durationMs }) =>
      startedAt === null || durationMs === null ? [] : [{ from: Date.parse(startedAt), durationMs }],
    ),
  )
  const [canary] = spans[0] ?? []
  const others = spans[1] ?? []
  for (const { from } of others) {
    expect(from).toBeGreaterThanOrEqual((canary?.from ?? NaN) + (canary?.durationMs ?? NaN))
    expect(others.filter((other) => other.from <= from && from < other.from + other.durationMs).length).toBeLessThanOrEqual(2)
  }
  expect(others.length).toBeGreaterThanOrEqual(2)
}

function timesOf({ waves }: ReturnType<typeof fleetDocument>): string[] {
  return waves.flatMap(({ clusters }) => clusters.map(({ name, outcome, durationMs }) => `${name}: ${outcome}, ${String(durationMs)} ms`))
}
