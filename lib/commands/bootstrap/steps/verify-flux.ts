import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import { readFluxCrds } from '../../../flux/crds.ts'
import { readFluxObjects } from '../../../flux/read-objects.ts'
import { findForeign } from '../../../health/foreign-managers.ts'
import { once } from '../../../base/once.ts'
import type { Access } from '../../../connection/kubeconfig.ts'
import type { Step } from '../../../runner/step.ts'
import { askFluxCheck } from '../../../flux/cli-opinion.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { componentsOf, otherImage } from '../../../flux/instance.ts'
import { appliedRevision, versionOfRevision } from '../../../flux/revision.ts'

/** Checks the result as a whole: controllers at their images, no foreign field manager on anything of Flux, `flux check` agrees. */
export function verifyFlux(namespace: string, access: Access, flux: string | undefined): Step {
  const instanceRef = instanceIn(namespace)
  return {
    id: 'verify',
    title: 'Verify Flux',
    risk: 'safe',
    async check({ cluster, where, signal }) {
      const instance = await cluster.get(instanceRef)
      if (instance === undefined) return { is: 'waiting', on: 'the FluxInstance' }
      const components = componentsOf(instance)
      if (components.length === 0) return { is: 'waiting', on: 'the FluxInstance to name its components' }
      for (const component of components) {
        const { name, repository, tag } = component
        const ref: Ref = { ...kinds.deployment, namespace, name }
        const deployment = await cluster.get(ref)
        const image = deployment === undefined ? 'missing' : otherImage(instance, deployment, component)
        if (image !== undefined) return { is: 'waiting', on: `${nameOf(ref)} to run ${repository}:${tag}; it is ${image}` }
        const readiness = await deploymentReadiness(cluster, ref)
        if (readiness.is === 'waiting') return readiness
      }
      const foreign = await foreignManagers(cluster, namespace)
      if (foreign.length > 0) {
        return {
          is: 'blocked',
          reason: `field managers that are not Flux's: ${foreign.slice(0, 5).join('; ')}${foreign.length > 5 ? `; and ${foreign.length - 5} more` : ''}`,
          remedy: `npx zx scripts/health-check.ts ${where} --fix   # returns them to Flux; its plan shows what Flux then removes`,
        }
      }
      const check = await askFluxCheck({ flux, access, namespace }, signal)
      if (check.is === 'complains') return { is: 'waiting', on: check.words }
      return {
        is: 'done',
        detail: `Flux ${versionOfRevision(appliedRevision(instance))}, ${components.length} controllers at their images${check.words}`,
      }
    },
    apply: () => Promise.resolve(),
    watches: [
      { kind: kinds.deployment, query: { namespace } },
      { kind: fluxKinds.fluxInstance, query: { namespace } },
    ],
  }
}

/** `CustomResourceDefinition x: kubectl-client-side-apply` for each owner of fields of Flux's CRDs, and of its objects in the namespace, that is not Flux. */
export async function foreignManagers(cluster: Cluster, namespace: string): Promise<string[]> {
  const crds = once(() => readFluxCrds(cluster))
  const instance = (): Promise<KubeObject | undefined> => cluster.get(instanceIn(namespace))
  const installed = () => Promise.resolve({ expectsOperator: true, installedBy: 'operator' } as const)
  const found = await findForeign({ crds, instance, installed, objects: async () => readFluxObjects(cluster, await crds()) })
  return found.flatMap(({ ref, managers }) =>
    ref.namespace === undefined || ref.namespace === namespace ? managers.map((manager) => `${nameOf(ref)}: ${manager}`) : [],
  )
}
