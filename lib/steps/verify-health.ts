import { isHealthy, type Probe, type Probed, takeLooks } from '../health/probe.ts'
import { kinds } from '../cluster/objects.ts'
import type { Scene } from '../health/scene.ts'
import type { Step } from '../step.ts'

/**
 * Checks that every probe is content.
 * @param look sets the scene anew
 * @param tell is told what the probes saw, each time they look
 * @param isPatient whether Flux is given time to get there by itself
 */
export function verifyHealth(
  look: () => Scene,
  probes: readonly Probe[],
  tell: (probed: readonly Probed[]) => void,
  isPatient = false,
): Step {
  return {
    id: 'health',
    title: 'Verify that Flux is healthy',
    risk: 'safe',
    async look({ where }) {
      const probed = await takeLooks(probes, look())
      tell(probed)
      const sick = probed.filter((probe) => !isHealthy([probe]))
      if (sick.length === 0) return { is: 'done', detail: `${probed.length} probes, none in trouble` }
      const reason = sick.map(
        ({ title, detail, objects = [] }) =>
          `${title}: ${objects[0] === undefined ? detail : `${objects[0].object}: ${objects[0].reason}`}`,
      )
      if (isPatient) return { is: 'waiting', on: reason.join('; ') }
      return {
        is: 'blocked',
        reason: reason.join('; '),
        remedy: `npx zx scripts/health-check.ts ${where}   # tells each object, and what to do`,
      }
    },
    act: () => Promise.resolve(),
    watches: isPatient
      ? [kinds.fluxInstance, kinds.deployment, kinds.gitRepository, kinds.kustomization, kinds.helmRelease].map((kind) => ({
          kind,
          query: {},
        }))
      : [],
  }
}
