import type { Cluster } from '../../../kubernetes/client.ts'
import { listMetadata } from '../../../kubernetes/metadata.ts'
import type { KubeObject } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { type Finding, notice } from '../../../preflight/preflight.ts'
import type { FluxThere } from '../../../flux/installations.ts'

/** The kinds whose objects do something as soon as their controller runs; the rest only wait to be asked. */
const acting = [fluxKinds.kustomization, fluxKinds.helmRelease]

/** What an earlier Flux left behind, with nobody there to mind it. */
export async function checkLeftovers(cluster: Cluster, crds: readonly KubeObject[], there: FluxThere): Promise<Finding[]> {
  const isMinded = there.controllers.length > 0 || there.operators.length > 0
  const left = isMinded || crds.length === 0 ? [] : await Promise.all(acting.map((kind) => leftOf(cluster, kind)))
  return judgeLeftovers(crds.length, left.flat(), there)
}

/**
 * None of it blocks: the CRDs are applied over, the objects are taken up again. But a Kustomization or HelmRelease acts the moment Flux
 * runs, and anyone who consents should know which.
 * @param objects the names of those that act
 */
export function judgeLeftovers(crds: number, objects: readonly string[], { instances, controllers, operators }: FluxThere): Finding[] {
  if (operators.length === 0 && instances.length > 0) {
    return instances.map(({ metadata }) =>
      notice(
        `FluxInstance ${metadata.namespace}/${metadata.name} exists without its operator, which will reconcile it again as Git has it`,
      ),
    )
  }
  if (controllers.length > 0 || operators.length > 0 || crds === 0) return []
  const left = `${crds} CustomResourceDefinition${crds === 1 ? '' : 's'} of an earlier Flux, without a controller`
  if (objects.length === 0) return [notice(`there are ${left} and without objects that act: they are applied over`)]
  return [
    notice(
      `there are ${left}; as soon as Flux runs, these will act again: ${objects.join(', ')}`,
      `to have one wait: kubectl --namespace NAMESPACE patch KIND NAME --type=merge --patch '{"spec":{"suspend":true}}'`,
    ),
  ]
}

/** The first few objects of a kind by name, and how many more there are. */
async function leftOf(cluster: Cluster, kind: (typeof acting)[number]): Promise<string[]> {
  if (!(await cluster.isInstalled(kind))) return []
  const { objects, remaining } = await listMetadata(cluster, `${await cluster.collection(kind, {})}&limit=5`, kind)
  const names = objects.map(({ metadata }) => `${kind.kind} ${metadata.namespace}/${metadata.name}`)
  return remaining === 0 ? names : [...names, `${remaining} more ${kind.kind}s`]
}
