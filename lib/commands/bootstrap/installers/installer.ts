import type { Console } from '../../../terminal/console.ts'
import type { BootstrapRequest } from '../inputs.ts'
import type { Session } from '../../../connection/session.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { DocumentFields } from '../../../runner/report.ts'
import type { Step } from '../../../runner/step.ts'

/** Installs Flux on a cluster: everything that bootstrap and rebuild ask of whatever does it. */
export interface BootstrapInstaller {
  /**
   * Checks everything beforehand; writes nothing to the cluster.
   * @throws OperatorError `blocked` with all findings
   */
  readonly prepare: (session: Session, wanted: BootstrapRequest, context: InstallContext) => Promise<PreparedInstallation>
}

/** From whatever there is to a Flux that follows Git, verified. */
export interface PreparedInstallation {
  readonly steps: Step[]
  /** The version of Flux that it brings; not known of a stack of the person's own. */
  readonly toVersion?: string
  /** What Git is at. */
  readonly commit: string
  /** What people should know before they consent. */
  readonly notices: readonly string[]
  /** What the document says beyond the fields that all have. */
  readonly report?: () => DocumentFields
  /** What is left to a person once it is done, beside what is always said. */
  readonly next?: readonly string[]
}

/** Where an installer shows what its own tool would change, before anyone consents. */
export interface InstallContext {
  readonly console: Console
  /** Nothing may be written then, not even a file. */
  readonly isDryRun: boolean
  /** What the run noted before it was interrupted, if it is a resumed one. */
  readonly memory: RunState
}
