/** What one rehearsed disaster came to. All times are counted from the moment the fault was injected, in milliseconds. */
export interface DrillOutcome {
  readonly name: string
  readonly title: string
  /** ISO 8601. */
  readonly struckAt: string
  /** When a health-check first said that something is wrong; undefined where none did before it was over. */
  readonly detectedMs: number | undefined
  /** When everything was Ready again and a new commit had been applied; undefined where that was never seen. */
  readonly recoveredMs: number | undefined
  readonly objectiveMs: number
  readonly met: boolean
  /** Who fixed it: a script, or Flux by itself. */
  readonly mendedBy: string
  readonly survival: { readonly checked: number; readonly changed: number; readonly missing: number }
  /** What went wrong with the rehearsal, if anything did. */
  readonly failure?: string
}

/** When a disaster was noticed that no health check reported while it lasted. */
export function unnoticed(recoveredMs: number | undefined): string {
  return recoveredMs === undefined ? 'never' : 'only after it was over'
}
