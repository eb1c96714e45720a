import type { Page } from './page.ts'
import { commands, theFleet } from './commands.ts'
import { fluxRebuild, fluxUpgrade } from './flux-upgrade.ts'
import { readme } from './readme.ts'
import { selfManagement } from './self-management.ts'
import { capture, drill, howItWorks, installed, monitoring, preflight, pulumi, validate, yourCluster } from './subjects.ts'

/** Every page that shows commands. README is the last, for it takes the lab down and brings it up. */
export const pages: readonly Page[] = [
  validate,
  preflight,
  monitoring,
  howItWorks,
  pulumi,
  capture,
  installed,
  fluxUpgrade,
  fluxRebuild,
  selfManagement,
  commands,
  drill,
  theFleet,
  yourCluster,
  readme,
]
