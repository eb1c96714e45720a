import type { Cluster } from '../kubernetes/client.ts'
import type { Kind, KubeObject, Ref } from '../kubernetes/objects.ts'
import { conditionsOf } from '../kubernetes/readiness.ts'
import { isFluxFinalizer } from './finalizers.ts'
import { fluxKinds } from './kinds.ts'

/** Where Flux lives unless someone wanted it elsewhere. */
export const usualNamespace = 'flux-system'

/** The one FluxInstance that an operator reconciles is of this name, in its own namespace; it ignores every other silently. */
const instanceName = 'flux'

/** The FluxInstance of the Flux in this namespace. */
export function instanceIn(namespace: string): Ref & { readonly namespace: string } {
  return { ...fluxKinds.fluxInstance, namespace, name: instanceName }
}

/** Whether a FluxInstance may be called so: its operator reconciles no other. The chart has that name where none is given. */
export function isInstanceName(name: string | undefined): boolean {
  return (name ?? instanceName) === instanceName
}

/** Whether a FluxInstance is the one of the Flux in this namespace. */
export function isInstanceOf({ metadata }: KubeObject, namespace: string): boolean {
  return metadata.name === instanceName && metadata.namespace === namespace
}

/** The FluxInstance of a cluster, in whatever namespace; where none has the name that an operator reconciles, any. */
export async function findInstance(cluster: Cluster): Promise<KubeObject | undefined> {
  return mainInstance(await cluster.list(fluxKinds.fluxInstance))
}

/**
 * Of several FluxInstances the one that an operator reconciles. The API takes no other name than that, in any namespace; but only the one in
 * its operator's has its finalizer, and becomes Ready again at every interval. Where none is like that, any.
 */
export function mainInstance(instances: readonly KubeObject[]): KubeObject | undefined {
  const [latest] = instances
    .filter(({ metadata }) => metadata.finalizers.some(isFluxFinalizer))
    .sort((one, other) => reconciledAt(other).localeCompare(reconciledAt(one)))
  return latest ?? instances.find(({ metadata }) => metadata.name === instanceName) ?? instances[0]
}

/** When it was last reconciled, RFC 3339 in UTC, which sorts by time; empty where it never was. */
function reconciledAt(instance: KubeObject): string {
  return conditionsOf(instance).find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ''
}

/** What Git calls the HelmReleases that bring Flux: of its operator, and of the FluxInstance. */
export const releaseNames = { operator: 'flux-operator', instance: 'flux-instance' } as const

/** Where a cluster's Flux is kept: the names of what makes it. A name of another namespace is `NAMESPACE/NAME`. */
export interface FluxPlace {
  readonly namespace: string
  /** The source that Git is fetched by, after which the operator names the root Kustomization too. */
  readonly syncName: string
  /** The root Kustomization, where it has another name than the source. */
  readonly rootName?: string
  /** The Flux Kustomizations that apply Flux itself, beside the root; the last is the one that applies what the version is of. */
  readonly kustomizations: readonly string[]
  /** The HelmReleases that Git has of the operator and of the FluxInstance, where it has them. */
  readonly operatorRelease?: string
  readonly instanceRelease?: string
  /** What Git has of Flux itself: a FluxInstance, from which the operator makes it, or its very manifests. */
  readonly installs?: 'instance' | 'manifests'
}

/** The objects of a place, by what they are for. */
export interface FluxRefs {
  readonly instance: Ref | undefined
  readonly source: Ref
  readonly kustomizations: readonly Ref[]
  readonly operatorRelease: Ref | undefined
  readonly instanceRelease: Ref | undefined
  /** What brings the version from Git into the cluster: the FluxInstance's HelmRelease, else a Kustomization. */
  readonly applier: Ref
}

export function refsIn(place: FluxPlace): FluxRefs {
  const { namespace, syncName, rootName = syncName, kustomizations, installs = 'instance' } = place
  const at = (kind: Kind, name: string): Ref => {
    const [first = '', second] = name.split('/')
    return second === undefined ? { ...kind, namespace, name } : { ...kind, namespace: first, name: second }
  }
  const release = (name: string | undefined): Ref | undefined => (name === undefined ? undefined : at(fluxKinds.helmRelease, name))
  const root = at(fluxKinds.kustomization, rootName)
  const all = [root, ...kustomizations.map((name) => at(fluxKinds.kustomization, name))]
  const instanceRelease = release(place.instanceRelease)
  return {
    instance: installs === 'instance' ? instanceIn(namespace) : undefined,
    source: at(fluxKinds.gitRepository, syncName),
    kustomizations: all,
    operatorRelease: release(place.operatorRelease),
    instanceRelease,
    applier: instanceRelease ?? all.at(-1) ?? root,
  }
}

/** The name of an object as a place has it: with its namespace where that is not Flux's own. */
export function nameIn(namespace: string, { namespace: own, name }: Pick<Ref, 'namespace' | 'name'>): string {
  return own === undefined || own === namespace ? name : `${own}/${name}`
}
