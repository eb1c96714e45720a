import { kinds, refOf } from '../../../kubernetes/objects.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import { complaintOf, shell } from '../../../process/command.ts'
import type { Access } from '../../../connection/kubeconfig.ts'
import type { Step } from '../../../runner/step.ts'
import { deploymentsOf } from '../../../flux/components.ts'

/** Waits for the controllers of a Flux that no FluxInstance describes; `flux check` must agree. */
export function verifyControllers(namespace: string, access: Access, flux: string | undefined): Step {
  return {
    id: 'verify',
    title: 'Verify Flux',
    risk: 'safe',
    async check({ cluster }) {
      const deployments = await deploymentsOf(cluster, namespace, 'controllers')
      if (deployments.length === 0) return { is: 'waiting', on: `the controllers in ${namespace}: there are none` }
      for (const deployment of deployments) {
        const readiness = await deploymentReadiness(cluster, refOf(deployment))
        if (readiness.is === 'waiting') return readiness
      }
      if (flux !== undefined) {
        const checked = await shell(access.env)`${flux} check --context=${access.context} --namespace=${namespace} --timeout=30s`.nothrow()
        if (checked.exitCode !== 0) return { is: 'waiting', on: `flux check: ${complaintOf(checked)}` }
      }
      const names = deployments.map(({ metadata }) => metadata.name).join(', ')
      return { is: 'done', detail: `${names} are available${flux === undefined ? '' : '; the check of the flux CLI agrees'}` }
    },
    apply: () => Promise.resolve(),
    watches: [
      { kind: kinds.deployment, query: { namespace } },
      { kind: kinds.pod, query: { namespace } },
    ],
  }
}
