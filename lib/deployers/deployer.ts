import type { Console } from '../console.ts'
import type { Wanted } from '../procedures/bootstrap-inputs.ts'
import type { Session } from '../session.ts'
import type { Step } from '../step.ts'

/** How a cluster comes by its Flux: everything that bootstrap and rebuild ask of whatever installs it. */
export interface Deployer {
  /**
   * Looks at everything beforehand; writes nothing to the cluster.
   * @throws OperatorError `blocked` with all findings
   */
  readonly prepare: (session: Session, wanted: Wanted, telling: Telling) => Promise<Deployment>
}

/** From whatever there is to a Flux that follows Git, verified. */
export interface Deployment {
  readonly steps: Step[]
  /** What Git is at. */
  readonly commit: string
  /** What people should know before they consent. */
  readonly notices: readonly string[]
}

/** Where a deployer shows what its own tool would change, before anybody consents. */
export interface Telling {
  readonly console: Console
  /** Nothing may be written then, not even a file. */
  readonly isDryRun: boolean
}
