import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { releaseStateOf, stateOf, usualComponents } from '../cluster/flux-instance.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import type { FluxObject } from '../health/flux-object.ts'
import type { Probed } from '../health/probe.ts'
import type { Scene } from '../health/scene.ts'

/** What is known of a cluster in which something is wrong with Flux. */
export interface Evidence {
  readonly probed: readonly Probed[]
  /** The namespace that Flux lives in, or did. */
  readonly namespace: string
  /** That nothing but what Kubernetes itself brings is there. */
  readonly isEmpty: boolean
  readonly hasCrds: boolean
  readonly hasOperator: boolean
  readonly instance: KubeObject | undefined
  /** The version of Flux that Git and the FluxInstance ask for, where another is the last that was brought to run. */
  readonly upgrade: { readonly from: string; readonly to: string } | undefined
  /** The controllers that the FluxInstance asks for, and those of them that are there. */
  readonly controllers: { readonly wanted: readonly string[]; readonly there: readonly string[] }
  /** The objects of Flux by their names: `HelmRelease flux-system/flux-instance`. */
  readonly objects: ReadonlyMap<string, FluxObject>
}

const instanceSchema = v.object({ spec: v.object({ components: v.optional(v.array(v.string()), []) }) })
const kubernetesOwn = /^(default|kube-.*)$/

/**
 * Gathers what tells one disaster from another, beside what the probes saw.
 * @param isOther whether the context meant another cluster when something was last changed there; undefined where nothing ever was
 */
export async function gatherEvidence(scene: Scene, probed: readonly Probed[], isOther: boolean | undefined): Promise<Evidence> {
  const [namespace, crds, deployments, instance, { byName }, namespaces] = await Promise.all([
    scene.namespace(),
    scene.crds(),
    scene.deployments(),
    scene.instance(),
    scene.objects(),
    scene.cluster.list(kinds.namespace),
  ])
  const components = instance === undefined ? [] : v.parse(instanceSchema, instance).spec.components
  const wanted = components.length === 0 ? usualComponents : components
  const names = deployments.map(({ metadata }) => metadata.name)
  return {
    probed,
    namespace,
    isEmpty: isOther ?? namespaces.every(({ metadata }) => kubernetesOwn.test(metadata.name)),
    hasCrds: crds.length > 0,
    hasOperator: deployments.some(({ metadata }) => metadata.labels['app.kubernetes.io/name'] === 'flux-operator'),
    instance,
    upgrade: instance === undefined ? undefined : await upgradeOf(instance, byName, scene.cluster),
    controllers: { wanted, there: wanted.filter((name) => names.includes(name)) },
    objects: byName,
  }
}

async function upgradeOf(instance: KubeObject, byName: Evidence['objects'], cluster: Cluster): Promise<Evidence['upgrade']> {
  const { wanted, applied } = stateOf(instance)
  const ref = byName.get(`${kinds.helmRelease.kind} ${instance.metadata.namespace}/flux-instance`)?.ref
  if (applied === '' || applied === wanted || ref === undefined) return undefined
  const release = await cluster.get(ref)
  return release !== undefined && releaseStateOf(release).flux === wanted ? { from: applied, to: wanted } : undefined
}
