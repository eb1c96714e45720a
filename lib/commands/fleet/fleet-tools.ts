import type { Redactor } from '../../base/redactor.ts'
import type { Console } from '../../terminal/console.ts'
import type { FleetOrigin } from './conclude-fleet.ts'
import type { FleetCommands } from './fleet-commands.ts'
import type { FleetLog } from './fleet-log.ts'

/** What every run of the fleet works with. */
export interface FleetTools {
  readonly commands: FleetCommands
  readonly console: Console
  readonly log: FleetLog
  readonly redactor: Redactor
  readonly origin: FleetOrigin
}
