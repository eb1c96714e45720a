import type { flags } from '../health/check.ts'
import { probesNamed } from '../health/all-probes.ts'
import type { Probed } from '../health/probe.ts'
import { sceneOf } from '../health/stage.ts'
import type { Surroundings } from '../operate.ts'
import type { Step } from '../step.ts'
import { ensureOwnManagers } from '../steps/own-managers.ts'
import { verifyHealth } from '../steps/verify-health.ts'

/** What a health check can mend by itself, and the check. */
export function mend(surroundings: Surroundings<typeof flags>, tell: (probed: readonly Probed[]) => void): Step[] {
  const look = () => sceneOf(surroundings)
  return [ensureOwnManagers(look), verifyHealth(look, probesNamed(surroundings.own.only), tell)]
}
