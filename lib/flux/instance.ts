import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject } from '../kubernetes/objects.ts'
import { appliedRevision, versionOfRevision } from './revision.ts'
import { imageIn, programOf, usualComponents } from './components.ts'
import { shardLabel } from './labels.ts'
import { isSuspended } from './suspension.ts'

const instanceSchema = v.object({ spec: v.object({ distribution: v.object({ version: v.string() }) }) })
const componentsSchema = v.object({
  spec: v.object({ components: v.optional(v.array(v.string()), []) }),
  status: v.optional(
    v.object({ components: v.optional(v.array(v.object({ name: v.string(), repository: v.string(), tag: v.string() })), []) }),
    {},
  ),
})

/** A controller that a FluxInstance has installed, and its image. */
export interface Component {
  readonly name: string
  readonly repository: string
  readonly tag: string
}

/** The controllers that a FluxInstance says it has installed; none where it has not reconciled yet, or does not exist. */
export function componentsOf(instance: KubeObject | undefined): readonly Component[] {
  return instance === undefined ? [] : v.parse(componentsSchema, instance).status.components
}

/** The names of the controllers that a FluxInstance asks for; the usual ones where it names none, or does not exist. */
export function wantedComponents(instance: KubeObject | undefined): readonly string[] {
  const named = instance === undefined ? [] : v.parse(componentsSchema, instance).spec.components
  return named.length === 0 ? usualComponents : named
}

const patchesSchema = v.object({
  spec: v.object({ kustomize: v.optional(v.object({ patches: v.optional(v.array(v.object({ patch: v.string() })), []) }), {}) }),
})

/** Whether a patch of the FluxInstance itself names the image that a Deployment runs: another version of Flux does not move that. */
export function isPatched(instance: KubeObject, deployment: KubeObject): boolean {
  return v.parse(patchesSchema, instance).spec.kustomize.patches.some(({ patch }) => patch.includes(imageIn(deployment)))
}

/**
 * The image that a controller's Deployment runs in place of that of the FluxInstance; undefined where it is that one. Which registry it comes
 * from is not compared: admission may put a mirror's address in its place.
 */
export function otherImage(instance: KubeObject, deployment: KubeObject, { repository, tag }: Component): string | undefined {
  const runs = imageIn(deployment)
  return programOf(runs) === programOf(`${repository}:${tag}`) || isPatched(instance, deployment) ? undefined : runs
}

/** The controllers that another version of a FluxInstance moves: all, except those to which its own patches give an image. */
export async function movedComponents(cluster: Pick<Cluster, 'get'>, instance: KubeObject): Promise<readonly Component[]> {
  const { namespace = '' } = instance.metadata
  const found = await Promise.all(
    componentsOf(instance).map(async (component) => {
      const deployment = await cluster.get({ ...kinds.deployment, namespace, name: component.name })
      return deployment !== undefined && isPatched(instance, deployment) ? [] : [component]
    }),
  )
  return found.flat()
}

const shardsSchema = v.object({
  spec: v.object({ sharding: v.optional(v.object({ key: v.optional(v.string()), shards: v.optional(v.array(v.string()), []) })) }),
})

/** The shards that a FluxInstance asks for, and the label that objects name theirs by. */
export function shardingOf(instance: KubeObject | undefined): { readonly label: string; readonly shards: readonly string[] } {
  const sharding = instance === undefined ? undefined : v.parse(shardsSchema, instance).spec.sharding
  return { label: sharding?.key ?? shardLabel, shards: sharding?.shards ?? [] }
}

/** What a FluxInstance is to be and what it is; versions without `v`, empty where none was applied yet. */
export interface InstanceState {
  readonly wanted: string
  readonly applied: string
  readonly components: readonly Component[]
}

export function instanceStateOf(instance: KubeObject): InstanceState {
  const { spec } = v.parse(instanceSchema, instance)
  const applied = versionOfRevision(appliedRevision(instance)).replace(/^v/, '')
  return { wanted: spec.distribution.version, applied, components: componentsOf(instance) }
}

const artifactSchema = v.object({ spec: v.object({ distribution: v.object({ artifact: v.optional(v.string(), '') }) }) })

/** Where an operator takes Flux's manifests from for a FluxInstance; empty where it has them in its own image. */
export function artifactOf(instance: KubeObject): string {
  return v.parse(artifactSchema, instance).spec.distribution.artifact
}

const releaseSchema = v.object({
  spec: v.object({
    values: v.optional(v.object({ instance: v.optional(v.object({ distribution: v.object({ version: v.string() }) })) }), {}),
  }),
  status: v.optional(v.object({ history: v.optional(v.array(v.object({ chartVersion: v.string() })), []) }), {}),
})

/** What a HelmRelease of Flux asks for: the chart that was released last, and the version of Flux where it has one. */
export function releaseStateOf(release: KubeObject): { isSuspended: boolean; flux: string | undefined; chart: string | undefined } {
  const { spec, status } = v.parse(releaseSchema, release)
  return {
    isSuspended: isSuspended(release),
    flux: spec.values.instance?.distribution.version,
    chart: status.history[0]?.chartVersion.split('+')[0],
  }
}
