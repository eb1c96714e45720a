import { isHealthy, type Probe, type ProbeResult, runProbes } from '../../../health/probe.ts'
import { kinds } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import type { Observation, ObservingStep } from '../../../runner/step.ts'

/**
 * Checks that every probe is content.
 * @param takeSnapshot takes a new snapshot
 * @param isPatient whether Flux is given time to get there by itself
 */
export function verifyHealth(
  takeSnapshot: () => Snapshot,
  probes: readonly Probe[],
  isPatient = false,
): ObservingStep<readonly ProbeResult[]> {
  let observed: Observation<readonly ProbeResult[]> | undefined
  return {
    observed: () => observed,
    id: 'health',
    title: 'Verify that Flux is healthy',
    risk: 'safe',
    async check({ where }) {
      const probed = await runProbes(probes, takeSnapshot())
      observed = { value: probed, at: performance.now() }
      const unhealthy = probed.filter((probe) => !isHealthy([probe]))
      if (unhealthy.length === 0) return { is: 'done', detail: `${probed.length} probes, none failed` }
      const reason = unhealthy.map(
        ({ title, detail, objects = [] }) =>
          `${title}: ${objects[0] === undefined ? detail : `${objects[0].object}: ${objects[0].reason}`}`,
      )
      if (isPatient) return { is: 'waiting', on: reason.join('; ') }
      return {
        is: 'blocked',
        reason: reason.join('; '),
        remedy: `npx zx scripts/health-check.ts ${where}   # reports each object, and what to do`,
      }
    },
    apply: () => Promise.resolve(),
    watches: isPatient
      ? [fluxKinds.fluxInstance, kinds.deployment, fluxKinds.gitRepository, fluxKinds.kustomization, fluxKinds.helmRelease].map((kind) => ({
          kind,
          query: {},
        }))
      : [],
  }
}
