import { nameOf, refOf } from '../../../kubernetes/objects.ts'
import { blocks, type Finding } from '../../../preflight/preflight.ts'
import { type FluxThere, removalOf } from '../../../flux/installations.ts'
import { reconcileAnnotation } from '../../../flux/annotations.ts'
import { isInstanceOf, usualNamespace } from '../../../flux/refs.ts'

/** The namespace of the Flux that is there; where there is none, or several, the usual one. */
export function namespaceOfFlux({ instances, controllers, operators }: FluxThere): string {
  const namespaces = new Set([...instances, ...controllers, ...operators].map(({ metadata }) => metadata.namespace ?? ''))
  const [only] = namespaces
  return only === undefined || namespaces.size > 1 ? usualNamespace : only
}

/** A cluster has one set of CustomResourceDefinitions: taking one Flux down would take the other's objects along. */
export function judgeOneFlux({ instances, controllers, operators }: FluxThere, namespace: string): Finding[] {
  const others = [...controllers, ...operators].filter(({ metadata }) => metadata.namespace !== namespace)
  const places = new Set(others.map(({ metadata }) => metadata.namespace ?? ''))
  const elsewhere = instances.filter((instance) => !isInstanceOf(instance, namespace))
  return [
    ...[...places].map((place) => {
      const there = others.filter(({ metadata }) => metadata.namespace === place)
      const names = there.map((other) => nameOf(refOf(other))).join(', ')
      const own = [...controllers, ...operators].filter(({ metadata }) => metadata.namespace === namespace)
      const stays = own.length === 0 ? '' : `; to keep the other one, remove only this one's controllers: ${removalOf(own, namespace)}`
      return blocks(
        `${names}: another Flux than the one in ${namespace}; its objects would be deleted with their CustomResourceDefinitions`,
        `to remove both: ${removalOf(there, place)}${stays}`,
      )
    }),
    ...elsewhere.map((other) =>
      blocks(
        `${nameOf(refOf(other))} is not this runbook's, which is ${namespace}/flux; it would be deleted with its CustomResourceDefinition`,
        `remove it first: kubectl --namespace ${other.metadata.namespace} annotate fluxinstance ${other.metadata.name} ${reconcileAnnotation}=disabled, then kubectl --namespace ${other.metadata.namespace} delete fluxinstance ${other.metadata.name}`,
      ),
    ),
  ]
}
