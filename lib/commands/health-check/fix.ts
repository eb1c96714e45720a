import { fieldsOf, fluxField, type healthCheckFlags } from './health-check.ts'
import { probesNamed } from '../../health/all-probes.ts'
import { snapshotOf } from '../../health/snapshot.ts'
import type { PreparedChange, PrepareContext } from '../../runner/run-change.ts'
import { ensureOwnManagers } from './steps/own-managers.ts'
import { verifyHealth } from './steps/verify-health.ts'

/** What a health check can fix by itself, and the check; each cluster's document reports what was seen there. */
export async function prepareFix(surroundings: PrepareContext<typeof healthCheckFlags>): Promise<PreparedChange> {
  const takeSnapshot = () => snapshotOf(surroundings)
  const flux = await fluxField(takeSnapshot()) // who installed it does not change by the way
  const verify = verifyHealth(takeSnapshot, probesNamed(surroundings.own.only))
  return {
    steps: [ensureOwnManagers(takeSnapshot), verify],
    report() {
      const seen = verify.observed()
      return { fields: seen === undefined ? flux : { ...fieldsOf(seen.value), ...flux } } // what was not checked is not reported as well
    },
  }
}
