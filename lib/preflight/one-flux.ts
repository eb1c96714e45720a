import { nameOf, refOf } from '../cluster/objects.ts'
import { blocks, type Finding } from './finding.ts'
import type { FluxThere } from './other-flux.ts'

/** The namespace of the Flux that is there; where there is none, or several, the usual one. */
export function namespaceOfFlux({ instances, controllers, operators }: FluxThere): string {
  const namespaces = new Set([...instances, ...controllers, ...operators].map(({ metadata }) => metadata.namespace ?? ''))
  const [only] = namespaces
  return only === undefined || namespaces.size > 1 ? 'flux-system' : only
}

/** A cluster has one set of CustomResourceDefinitions: taking one Flux down would take the other's objects along. */
export function judgeOneFlux({ instances, controllers, operators }: FluxThere, namespace: string): Finding[] {
  const others = [...controllers, ...operators].filter(({ metadata }) => metadata.namespace !== namespace)
  const elsewhere = instances.filter(({ metadata }) => metadata.namespace !== namespace || metadata.name !== 'flux')
  return [
    ...others.map((other) =>
      blocks(
        `${nameOf(refOf(other))} is another Flux's than the one in ${namespace}: its objects would go with their CustomResourceDefinitions`,
        `remove it first, by what installed it: flux uninstall --namespace ${other.metadata.namespace}`,
      ),
    ),
    ...elsewhere.map((other) =>
      blocks(
        `${nameOf(refOf(other))} is not this runbook's, which is ${namespace}/flux; it would go with its CustomResourceDefinition`,
        `take it away first: kubectl --namespace ${other.metadata.namespace} annotate fluxinstance ${other.metadata.name} fluxcd.controlplane.io/reconcile=disabled, then kubectl --namespace ${other.metadata.namespace} delete fluxinstance ${other.metadata.name}`,
      ),
    ),
  ]
}
