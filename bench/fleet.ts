import { withBenchLab } from './bench-lab.ts'
import { makeFleetWorld, setDistance, timeFleet } from './fleet-world.ts'
import type { Took } from './measure.ts'
import type { Section } from './performance-page.ts'

/** A fleet that is measured: so many contexts, so many at a time, and how far away its clusters are, in milliseconds. */
interface Measured {
  readonly engine: 'local' | 'kubernetes'
  readonly clusters: number
  readonly parallel: number
  readonly away: number
}

const all: readonly Measured[] = [
  ...[1, 2, 4, 8].map((parallel) => ({ engine: 'local', clusters: 200, parallel, away: 0 }) as const),
  ...[50, 100].map((clusters) => ({ engine: 'local', clusters, parallel: 4, away: 0 }) as const),
  ...[4, 8, 16].map((parallel) => ({ engine: 'local', clusters: 100, parallel, away: 500 }) as const),
  ...[100, 200].map((clusters) => ({ engine: 'kubernetes', clusters, parallel: 8, away: 0 }) as const),
]

/** Health checks of up to 200 contexts of three real clusters, by both engines. */
export function measureFleet(major: string): Promise<Section> {
  return withBenchLab(async ({ console, env, access }) => {
    const world = await makeFleetWorld(console, env, access.home, 200)
    const rows: string[][] = []
    for (const one of all) {
      await setDistance(one.away)
      rows.push(fleetRow(one, await timeFleet(world, one.clusters, one.parallel, one.engine)))
    }
    return {
      title: `A fleet's health check, Node ${major}`,
      columns: fleetColumns,
      rows,
      explained:
        'Every probe on contexts of three real clusters with Flux, which run on the same cores; far away, everything that is sent to an API arrives ' +
        'that much later. The memory is that of the process that conducts.',
    }
  })
}

export const fleetColumns = ['engine', 'clusters', 'parallel', 'far away', 'took', 'took × parallel / clusters', 'peak memory'] as const

/** A row of the table. */
export function fleetRow({ engine, clusters, parallel, away }: Measured, { seconds, megabytes }: Took): string[] {
  const lane = ((seconds * parallel) / clusters).toFixed(2)
  const distance = away === 0 ? '' : `${away} ms`
  return [engine, String(clusters), String(parallel), distance, `${seconds.toFixed(0)} s`, `${lane} s`, `${megabytes.toFixed(0)} MB`]
}
