import type { FleetCluster, Wave } from '../lib/commands/fleet/fleet-file.ts'
import { type ClusterState, runWaves } from '../lib/commands/fleet/schedule.ts'
import type { Section } from './performance-page.ts'

// The fleet's own schedule on a clock of its own: hours pass in milliseconds, and only how long a cluster takes is made up.

/** How an upgrade runs on a made-up cluster. */
interface Course {
  readonly minutes: number
  readonly fails: boolean
}

const clusters = 1000
const soakMinutes = 30
const failsOneIn = 200

/** How long an upgrade of a thousand clusters takes, by how many run at a time. */
export async function simulateFleets(): Promise<Section> {
  const rows: string[][] = []
  for (const parallel of [10, 20, 50, 100]) {
    const { hours, failed, busiest } = await simulate(wavesOf(parallel))
    rows.push([String(parallel), `${hours.toFixed(1)} h`, String(failed), String(busiest)])
  }
  return {
    title: 'A thousand clusters, simulated',
    columns: ['parallel', 'took', 'failed', 'most at a time'],
    rows,
    explained:
      `The schedule that carries out every fleet, on a simulated clock: a canary, 19 clusters 5 at a time, and 980 in waves of 196, each wave soaking ` +
      `${soakMinutes} minutes, up to ten failures tolerated in a wave. An upgrade is assumed to take 2 to 15 minutes (median 4), one in ${failsOneIn} ` +
      `fails and takes twice as long, a health check half a minute.`,
  }
}

function wavesOf(parallel: number): Wave[] {
  const names = Array.from({ length: clusters }, (_, at) => `c-${at + 1}`)
  const wave = (name: string, from: number, to: number, more: Pick<Wave, 'parallel' | 'maxFailures'>): Wave => ({
    name,
    soakMs: soakMinutes * 60_000,
    clusters: names.slice(from, to).map((one) => ({ name: one, context: one, cluster: undefined, line: 0 })),
    ...more,
  })
  const rest = Array.from({ length: 5 }, (_, at) => wave(`rest-${at + 1}`, 20 + 196 * at, 216 + 196 * at, { parallel, maxFailures: 10 }))
  return [wave('canary', 0, 1, { parallel: 1, maxFailures: 0 }), wave('early', 1, 20, { parallel: 5, maxFailures: 1 }), ...rest]
}

/** A clock that jumps to the next thing that is waited for. */
function createClock() {
  let now = 0
  const waiting: { readonly at: number; readonly resolve: () => void }[] = []
  return {
    now: () => now,
    wait: (minutes: number) => new Promise<void>((resolve) => void waiting.push({ at: now + minutes, resolve })),
    async run(work: Promise<unknown>): Promise<void> {
      let isOver = false
      void work.finally(() => (isOver = true))
      for (;;) {
        await new Promise((resolve) => void setImmediate(resolve)) // all that follows from the last jump has been asked for
        if (isOver) return
        waiting.sort((one, other) => one.at - other.at)
        const next = waiting.shift()
        if (next === undefined) throw new Error('the simulated fleet waits for nothing, and has not ended')
        now = next.at
        next.resolve()
      }
    },
  }
}

async function simulate(waves: readonly Wave[]): Promise<{ readonly hours: number; readonly failed: number; readonly busiest: number }> {
  const clock = createClock()
  const course = createCourses()
  const states = new Map<string, ClusterState>()
  let running = 0
  let busiest = 0
  const run = async ({ name }: FleetCluster): Promise<void> => {
    running += 1
    busiest = Math.max(busiest, running)
    const { minutes, fails } = course()
    await clock.wait(fails ? 2 * minutes : minutes)
    running -= 1
    states.set(name, fails ? 'failed' : 'done')
  }
  const work = runWaves(waves, {
    standingOf: ({ name }) => states.get(name) ?? 'not-begun',
    run,
    hasSoaked: () => false,
    soak: () => clock.wait(soakMinutes),
    check: () => clock.wait(0.5),
    passed: () => undefined,
    isStopping: () => false,
  })
  await clock.run(work)
  const { is } = await work
  if (is !== 'done') throw new Error(`the simulated fleet ended ${is}`)
  return { hours: clock.now() / 60, failed: [...states.values()].filter((state) => state === 'failed').length, busiest }
}

/** The same courses each time: a lognormal time between 2 and 15 minutes, of which the median is 4. */
function createCourses(): () => Course {
  let seed = 1
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  return () => {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
    return { minutes: Math.min(15, Math.max(2, 4 * Math.exp(0.5 * normal))), fails: random() < 1 / failsOneIn }
  }
}
