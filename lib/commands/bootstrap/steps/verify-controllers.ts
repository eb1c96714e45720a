import { kinds, refOf } from '../../../kubernetes/objects.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import type { Access } from '../../../connection/kubeconfig.ts'
import type { Step } from '../../../runner/step.ts'
import { askFluxCheck } from '../../../flux/cli-opinion.ts'
import { deploymentsOf } from '../../../flux/components.ts'

/** Waits for the controllers of a Flux that no FluxInstance describes; `flux check` must agree. */
export function verifyControllers(namespace: string, access: Access, flux: string | undefined): Step {
  return {
    id: 'verify',
    title: 'Verify Flux',
    risk: 'safe',
    async check({ cluster, signal }) {
      const deployments = await deploymentsOf(cluster, namespace, 'controllers')
      if (deployments.length === 0) return { is: 'waiting', on: `the controllers in ${namespace}: there are none` }
      for (const deployment of deployments) {
        const readiness = await deploymentReadiness(cluster, refOf(deployment))
        if (readiness.is === 'waiting') return readiness
      }
      const check = await askFluxCheck({ flux, access, namespace }, signal)
      if (check.is === 'complains') return { is: 'waiting', on: check.words }
      const names = deployments.map(({ metadata }) => metadata.name).join(', ')
      return { is: 'done', detail: `${names} are available${check.words}` }
    },
    apply: () => Promise.resolve(),
    watches: [
      { kind: kinds.deployment, query: { namespace } },
      { kind: kinds.pod, query: { namespace } },
    ],
  }
}
