/** What a run must remember because it can't be looked up, kept in its run.json and there again when the run is resumed. */
export interface RunState {
  /** All that was noted, by this run before it was interrupted too. Parse it with a schema of your own. */
  readonly read: () => Readonly<Record<string, unknown>>
  /** Adds to what was noted; on disk when it returns, whole or not at all. */
  readonly write: (notes: Readonly<Record<string, unknown>>) => void
  /** The run's own folder, 0700. Throws before the run has changed anything: it has none then. */
  readonly folder: () => string
}
