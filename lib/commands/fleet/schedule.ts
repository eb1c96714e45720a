import type { FleetCluster, Wave } from './fleet-file.ts'

/** Where a cluster is within a run of the fleet. */
export type ClusterState =
  | 'not-begun'
  /** Its command succeeded. */
  | 'done'
  /** Its command failed, or it was not healthy after the soak. */
  | 'failed'

/** What the schedule asks of the outside world. None of these rejects: what fails on a cluster is its standing. */
export interface FleetActions {
  readonly standingOf: (cluster: FleetCluster) => ClusterState
  /** Runs the command on a cluster, to its end. */
  readonly run: (cluster: FleetCluster, wave: Wave) => Promise<void>
  /** Whether the wave has soaked in an earlier attempt of this run, and was healthy after it. */
  readonly hasSoaked: (wave: Wave) => boolean
  /** Waits as long as the wave is to soak, or until no further cluster is to be started. */
  readonly soak: (wave: Wave) => Promise<void>
  /** Checks that a cluster is still healthy. */
  readonly check: (cluster: FleetCluster, wave: Wave) => Promise<void>
  /** The wave is done, soaked and healthy. */
  readonly passed: (wave: Wave) => void
  /** The person wants no further cluster to be started. */
  readonly isStopping: () => boolean
}

/** How the waves ended. */
export type WavesResult =
  | { readonly is: 'done' }
  | { readonly is: 'stopped' }
  | { readonly is: 'too-many-failures'; readonly wave: Wave; readonly failures: number }

/**
 * Runs the waves in their order: within a wave at most `parallel` clusters at a time, and none begun any more once more than `maxFailures`
 * have failed. What runs is always waited for. A wave begins when the one before is done, soaked and still healthy.
 */
export async function runWaves(waves: readonly Wave[], actions: FleetActions): Promise<WavesResult> {
  for (const wave of waves) {
    const result = await runWave(wave, actions)
    if (result.is !== 'done') return result
  }
  return { is: 'done' }
}

async function runWave(wave: Wave, actions: FleetActions): Promise<WavesResult> {
  const { standingOf, isStopping } = actions
  const withStanding = (wanted: ClusterState): FleetCluster[] => wave.clusters.filter((cluster) => standingOf(cluster) === wanted)
  const hasTooMany = (): boolean => withStanding('failed').length > wave.maxFailures
  const remaining = withStanding('not-begun')
  await inLanes(
    remaining,
    wave.parallel,
    () => !isStopping() && !hasTooMany(),
    (cluster) => actions.run(cluster, wave),
  )
  const ended = (): WavesResult | undefined => {
    if (hasTooMany()) return { is: 'too-many-failures', wave, failures: withStanding('failed').length }
    return withStanding('not-begun').length > 0 ? { is: 'stopped' } : undefined
  }
  const before = ended()
  if (before !== undefined) return before
  if (wave.soakMs > 0 && !actions.hasSoaked(wave)) {
    await actions.soak(wave)
    // All are checked, so that the report names every cluster that is not healthy.
    await inLanes(
      withStanding('done'),
      wave.parallel,
      () => !isStopping(),
      (cluster) => actions.check(cluster, wave),
    )
    if (hasTooMany()) return { is: 'too-many-failures', wave, failures: withStanding('failed').length }
    if (isStopping()) return { is: 'stopped' }
  }
  actions.passed(wave)
  return { is: 'done' }
}

/** Acts on each, at most so many at a time; begins none any more once it may not. */
async function inLanes<T>(items: readonly T[], atOnce: number, mayBegin: () => boolean, run: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length && mayBegin()) {
      const item = items[next]
      next += 1
      if (item !== undefined) await run(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
}
