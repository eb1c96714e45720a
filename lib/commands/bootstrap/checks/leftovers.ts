import type { Cluster } from '../../../kubernetes/client.ts'
import { listMetadata } from '../../../kubernetes/metadata.ts'
import { kindArgument, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { type Finding, notice } from '../../../preflight/preflight.ts'
import type { FluxThere } from '../../../flux/installations.ts'

/** The kinds whose objects do something as soon as their controller runs; the rest only wait to be asked. */
const actingKinds = [fluxKinds.kustomization, fluxKinds.helmRelease]

/** What an earlier Flux left behind, with no controller to reconcile it. */
export async function checkLeftovers(cluster: Cluster, crds: readonly KubeObject[], there: FluxThere): Promise<Finding[]> {
  const isMinded = there.controllers.length > 0 || there.operators.length > 0
  const left = isMinded || crds.length === 0 ? [] : await Promise.all(actingKinds.map((kind) => leftOf(cluster, kind)))
  return judgeLeftovers(
    crds.length,
    left.flatMap(({ refs }) => refs),
    left.flatMap(({ more }) => more),
    there,
  )
}

/**
 * None of it blocks: the CRDs are applied over, the objects are taken up again. But a Kustomization or HelmRelease acts the moment Flux
 * runs, and anyone who consents should know which.
 * @param acting some of those that act
 * @param more how many others there are of each kind
 */
export function judgeLeftovers(
  crds: number,
  acting: readonly Ref[],
  more: readonly string[],
  { instances, controllers, operators }: FluxThere,
): Finding[] {
  if (operators.length === 0 && instances.length > 0) {
    return instances.map(({ metadata }) =>
      notice(
        `FluxInstance ${metadata.namespace}/${metadata.name} exists without its operator; the new operator will reconcile it to match Git`,
      ),
    )
  }
  if (controllers.length > 0 || operators.length > 0 || crds === 0) return []
  const left = `${crds} CustomResourceDefinition${crds === 1 ? '' : 's'} of an earlier Flux, without a controller`
  const [first] = acting
  if (first === undefined) return [notice(`there are ${left} and without active objects: this run updates them`)]
  return [
    notice(
      `there are ${left}; as soon as Flux runs, it will reconcile these again: ${[...acting.map(nameOf), ...more].join(', ')}`,
      `to suspend one: kubectl --namespace ${first.namespace} patch ${kindArgument(first)} ${first.name} --type=merge --patch '{"spec":{"suspend":true}}'`,
    ),
  ]
}

/** The first few objects of a kind by name, and how many more there are. */
async function leftOf(
  cluster: Cluster,
  kind: (typeof actingKinds)[number],
): Promise<{ readonly refs: readonly Ref[]; readonly more: readonly string[] }> {
  if (!(await cluster.isInstalled(kind))) return { refs: [], more: [] }
  const { objects, remaining } = await listMetadata(cluster, `${await cluster.collection(kind, {})}&limit=5`, kind)
  const refs = objects.map(({ metadata: { namespace, name } }) => ({ ...kind, ...(namespace === undefined ? {} : { namespace }), name }))
  return { refs, more: remaining === 0 ? [] : [`${remaining} more ${kind.kind}s`] }
}
