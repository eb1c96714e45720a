import type { Cluster } from '../kubernetes/client.ts'
import type { KubeObject, Ref } from '../kubernetes/objects.ts'
import { fluxKinds } from './kinds.ts'

/** Where Flux lives unless someone wanted it elsewhere. */
export const usualNamespace = 'flux-system'

/** The one FluxInstance that an operator looks at is of this name, in its own namespace; it ignores every other in silence. */
const instanceName = 'flux'

/** The FluxInstance of the Flux in this namespace. */
export function instanceIn(namespace: string): Ref & { readonly namespace: string } {
  return { ...fluxKinds.fluxInstance, namespace, name: instanceName }
}

/** Whether a FluxInstance may be called so: its operator looks at no other. The chart has that name where none is given. */
export function isInstanceName(name: string | undefined): boolean {
  return (name ?? instanceName) === instanceName
}

/** Whether a FluxInstance is the one of the Flux in this namespace. */
export function isInstanceOf({ metadata }: KubeObject, namespace: string): boolean {
  return metadata.name === instanceName && metadata.namespace === namespace
}

/** The FluxInstance of a cluster, in whatever namespace; where none has the name that an operator looks at, any. */
export async function findInstance(cluster: Cluster): Promise<KubeObject | undefined> {
  return mainInstance(await cluster.list(fluxKinds.fluxInstance))
}

/** Of several FluxInstances the one of the name that an operator looks at; where none has it, any. */
export function mainInstance(instances: readonly KubeObject[]): KubeObject | undefined {
  return instances.find(({ metadata }) => metadata.name === instanceName) ?? instances[0]
}

/** What Git calls the HelmReleases that bring Flux: of its operator, and of the FluxInstance. */
export const releaseNames = { operator: 'flux-operator', instance: 'flux-instance' } as const

/** Where a cluster's Flux is kept: the names of what makes it. */
export interface FluxPlace {
  readonly namespace: string
  /** The GitRepository and root Kustomization, which the operator makes. */
  readonly syncName: string
  /** The Flux Kustomizations that apply Flux itself. */
  readonly kustomizations: readonly string[]
  readonly operatorRelease: string
  readonly instanceRelease: string
}

/** The objects of a place, by what they are for. */
export function refsIn({ namespace, syncName, kustomizations, operatorRelease, instanceRelease }: FluxPlace): {
  instance: Ref
  source: Ref
  kustomizations: readonly Ref[]
  operatorRelease: Ref
  instanceRelease: Ref
} {
  return {
    instance: instanceIn(namespace),
    source: { ...fluxKinds.gitRepository, namespace, name: syncName },
    kustomizations: [syncName, ...kustomizations].map((name) => ({ ...fluxKinds.kustomization, namespace, name })),
    operatorRelease: { ...fluxKinds.helmRelease, namespace, name: operatorRelease },
    instanceRelease: { ...fluxKinds.helmRelease, namespace, name: instanceRelease },
  }
}
