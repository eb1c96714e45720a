import type { Cluster } from '../../kubernetes/client.ts'
import type { Installation } from '../../flux/installation.ts'
import { wantedDeployments } from '../../flux/wanted-deployments.ts'
import { releaseStateOf, instanceStateOf } from '../../flux/instance.ts'
import { releaseNames } from '../../flux/refs.ts'
import { isOperator } from '../../flux/labels.ts'
import { kinds, type KubeObject, type Ref, refOf } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import type { FluxObject } from '../../flux/object.ts'
import type { ProbeResult } from '../../health/probe.ts'
import type { Snapshot } from '../../health/snapshot.ts'
import { describeTerminatingNamespace, findTerminatingNamespace } from '../../preflight/terminating.ts'

/** What is known of a cluster in which something is wrong with Flux. */
export interface Evidence {
  readonly probed: readonly ProbeResult[]
  /** How Flux was installed, and what it follows. */
  readonly installation: Installation
  /** The namespace that Flux lives in, or did. */
  readonly namespace: string
  /** Why it is going, and what holds it there; undefined where it stays, or does not exist. */
  readonly terminating: { readonly isHeld: boolean; readonly because: string } | undefined
  /** That nothing but what Kubernetes itself brings is there. */
  readonly isEmpty: boolean
  readonly hasCrds: boolean
  readonly hasOperator: boolean
  readonly instance: KubeObject | undefined
  /** The version of Flux that Git and the FluxInstance ask for, where another is the last that was brought to run. */
  readonly upgrade: { readonly from: string; readonly to: string } | undefined
  /** The Deployments of the controllers that are to run, those of shards too, and those of them that are there. */
  readonly controllers: { readonly wanted: readonly string[]; readonly there: readonly string[] }
  /** That the person said to resume the FluxInstance that a person has suspended. */
  readonly resumesInstance?: boolean
  /** The suspended objects that the person said to resume. */
  readonly resumed?: readonly Ref[]
  /** The objects of Flux by their names: `HelmRelease flux-system/flux-instance`. */
  readonly objects: ReadonlyMap<string, FluxObject>
}

const kubernetesOwn = /^(default|kube-.*)$/

/**
 * Gathers what tells one disaster from another, beside what the probes saw.
 * @param isOther whether the context meant another cluster when something was last changed there; undefined where nothing ever was
 */
export async function gatherEvidence(snapshot: Snapshot, probed: readonly ProbeResult[], isOther: boolean | undefined): Promise<Evidence> {
  const [namespace, installation, crds, all, instance, { byName }, namespaces] = await Promise.all([
    snapshot.namespace(),
    snapshot.installation(),
    snapshot.crds(),
    snapshot.deployments(),
    snapshot.instance(),
    snapshot.objects(),
    snapshot.cluster.list(kinds.namespace),
  ])
  const deployments = all.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const wanted = wantedDeployments(installation, deployments)
  return {
    probed,
    installation,
    namespace,
    terminating: await terminatingOf(snapshot.cluster, namespace),
    isEmpty: isOther ?? namespaces.every(({ metadata }) => kubernetesOwn.test(metadata.name)),
    hasCrds: crds.length > 0,
    hasOperator: deployments.some(isOperator),
    instance,
    upgrade: instance === undefined ? undefined : await upgradeOf(instance, byName, snapshot.cluster),
    controllers: {
      wanted: wanted.map(({ name }) => name),
      there: wanted.flatMap(({ name, deployment }) => (deployment === undefined ? [] : [name])),
    },
    objects: byName,
  }
}

/**
 * Whether the FluxInstance that was seen has gone since: where a terminating namespace takes it along while the rest is being read, what
 * was read does not fit together, and passes for a loss of its own.
 */
export async function isOutdated({ instance }: Evidence, cluster: Cluster): Promise<boolean> {
  if (instance === undefined) return false
  const now = await cluster.get(refOf(instance))
  return now?.metadata.uid !== instance.metadata.uid
}

async function terminatingOf(cluster: Cluster, namespace: string): Promise<Evidence['terminating']> {
  const terminating = await findTerminatingNamespace(cluster, namespace)
  if (terminating === undefined) return undefined
  const held = await describeTerminatingNamespace(cluster, namespace, terminating)
  return { isHeld: terminating.isHeld, because: `Namespace ${namespace} is being deleted since ${terminating.since}; ${held}` }
}

async function upgradeOf(instance: KubeObject, byName: Evidence['objects'], cluster: Cluster): Promise<Evidence['upgrade']> {
  const { wanted, applied } = instanceStateOf(instance)
  const ref = byName.get(`${fluxKinds.helmRelease.kind} ${instance.metadata.namespace}/${releaseNames.instance}`)?.ref
  if (applied === '' || applied === wanted || ref === undefined) return undefined
  const release = await cluster.get(ref)
  return release !== undefined && releaseStateOf(release).flux === wanted ? { from: applied, to: wanted } : undefined
}
