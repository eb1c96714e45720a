import { showJson } from '../../runner/report.ts'
import type { WaveResult } from './cluster-results.ts'
import type { FleetRun } from './fleet-run.ts'

/** How a run of the fleet ended, as `--json` says it and report.json keeps it. */
export interface FleetDocument {
  readonly schemaVersion: 1
  readonly script: 'fleet'
  readonly command: string
  readonly engine: FleetRun['engine']
  /** Undefined where nothing was started. */
  readonly runId?: string
  /** FILE, and the digest of what it said. */
  readonly file?: string
  readonly digest?: string
  readonly operator: string
  readonly startedAt: string
  /** Null while it runs, or where it was killed; so are `outcome` and `exitCode`. */
  readonly finishedAt: string | null
  readonly outcome: string | null
  readonly exitCode: number | null
  readonly waves: readonly WaveResult[]
  readonly error?: { readonly message: string; readonly remedy?: string }
}

/** Prints the document on stdout, where --json asks for it. */
export function printDocument(document: FleetDocument, clean: (text: string) => string): void {
  process.stdout.write(clean(showJson(document)))
}

/** How the clusters ended, counted: `4 done, 1 rolled-back, 1 not-started`; the good ones first. */
export function countOutcomes(waves: readonly WaveResult[]): string {
  const counts = new Map<string, number>()
  for (const { outcome } of waves.flatMap(({ clusters }) => clusters)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  const rank = (outcome: string): number => (order.includes(outcome) ? order.indexOf(outcome) : order.length)
  return [...counts]
    .sort(([one], [other]) => rank(one) - rank(other))
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ')
}

const order = ['done', 'unchanged', 'planned', 'rolled-back', 'failed', 'blocked', 'locked', 'cancelled', 'interrupted', 'not-started']
