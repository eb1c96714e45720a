import { showDuration } from '../../base/duration.ts'
import { printable } from '../../base/shell-line.ts'
import type { Output } from '../../terminal/output.ts'
import type { Wave } from './fleet-file.ts'
import type { SeenCluster } from './fleet-preflight.ts'

/** What a run of the fleet is about to do. */
export interface FleetPlan {
  /** The command with its own flags, as words. */
  readonly words: readonly string[]
  readonly file: string
  /** `sha256:…` of FILE. */
  readonly digest: string
  readonly waves: readonly Wave[]
  readonly seen: readonly SeenCluster[]
  /** Names of clusters that a resumed run leaves as they are. */
  readonly done: readonly string[]
}

/** Shows the waves, and which cluster each name stands for. */
export function showFleetPlan(output: Output, { words, file, digest, waves, seen, done }: FleetPlan): void {
  const count = waves.reduce((sum, { clusters }) => sum + clusters.length, 0)
  output.line()
  output.line(`Fleet ${printable(words)}: ${plural(count, 'cluster')} in ${plural(waves.length, 'wave')}`)
  output.line(`  ${file}, ${digest}`)
  for (const [at, wave] of waves.entries()) {
    output.line(`${`${at + 1}.`.padStart(4)} ${wave.name}: ${describeWave(wave)}`)
    for (const { name, context } of wave.clusters) {
      const { server = '', complaint } = seen.find(({ cluster }) => cluster.name === name) ?? {}
      const state = done.includes(name) ? ', done already' : complaint === undefined ? '' : ', does not answer'
      output.line(`       ${name}: context ${context}${server === '' ? '' : `, ${server}`}${state}`)
    }
  }
  output.line()
}

function describeWave({ clusters, parallel, soakMs, maxFailures }: Wave): string {
  const atOnce = Math.min(parallel, clusters.length)
  const failures = maxFailures === 0 ? 'stops at the first failure' : `tolerates ${plural(maxFailures, 'failure')}`
  return `${plural(clusters.length, 'cluster')}, ${atOnce} at a time; ${soakMs === 0 ? '' : `soaks for ${showDuration(soakMs)}; `}${failures}`
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
