import type { Cluster } from '../../../kubernetes/client.ts'
import { instanceStateOf, otherImage } from '../../../flux/instance.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { nudgeFetch } from '../../../flux/artifact.ts'
import { watchStarts } from './failing-starts.ts'
import type { Pulls, Tags } from './missing-images.ts'
import { deploymentsOf, imageOf } from '../../../flux/components.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'

/**
 * Follows the operator as it brings the controllers to the version: each with its image before and after, and why it waits.
 * @param images the version's tags; empty where they are not known
 */
export function awaitRollout(place: FluxPlace, version: string, before: Tags, images: Tags): Step {
  const { instance } = refsIn(place)
  const pulls = watchStarts(images, before)
  const { namespace } = place
  return {
    id: 'rollout',
    title: `Follow the rollout of Flux ${version}`,
    risk: 'safe',
    check: ({ cluster }) => versionStatus(cluster, place, version, { before, images }, pulls),
    apply: () => Promise.resolve(),
    ...(instance === undefined ? {} : { nudge: nudgeFetch(instance) }),
    watches: [fluxKinds.fluxInstance, kinds.deployment, kinds.pod, fluxKinds.helmRelease].map((kind) => ({ kind, query: { namespace } })),
  }
}

/**
 * How far a version is: by what its FluxInstance says, or, where Git has Flux's manifests themselves, by its Deployments.
 * @param tags.images the version's tags
 */
export async function versionStatus(
  cluster: Cluster,
  place: FluxPlace,
  version: string,
  { before, images }: { readonly before: Tags; readonly images: Tags },
  pulls?: Pulls,
): Promise<StepStatus> {
  const { instance: ref } = refsIn(place)
  if (ref === undefined) {
    const status = await tagsStatus(cluster, place.namespace, images, pulls)
    return status.is === 'done' ? { ...status, detail: arrows(images, before) } : status
  }
  const instance = await cluster.get(ref)
  if (instance === undefined) return { is: 'waiting', on: `${nameOf(ref)} to exist` }
  return rolloutStatus(cluster, place.namespace, instance, version, before, pulls)
}

/** Whether each controller runs the image of its tag. */
export async function tagsStatus(cluster: Cluster, namespace: string, images: Tags, pulls: Pulls | undefined): Promise<StepStatus> {
  for (const [name, tag] of Object.entries(images)) {
    const ref = { ...kinds.deployment, namespace, name }
    const readiness = await deploymentReadiness(cluster, ref)
    if (readiness.is === 'waiting') {
      await pulls?.verify(cluster, ref)
      return readiness
    }
    const image = await imageOf(cluster, ref)
    if (!image.endsWith(`:${tag}`)) return { is: 'waiting', on: `${nameOf(ref)} to run ${tag}; it is ${image}` }
  }
  const shown = Object.entries(images).map(([name, tag]) => `${name} ${tag}`)
  return { is: 'done', detail: `${shown.join(', ')} run` }
}

/**
 * How far the operator is with a version.
 * @param pulls throws where an image of it never runs
 */
export async function rolloutStatus(
  cluster: Cluster,
  namespace: string,
  instance: KubeObject,
  version: string,
  before: Tags,
  pulls?: Pulls,
): Promise<StepStatus> {
  const { wanted, applied, components } = instanceStateOf(instance)
  if (wanted !== version) return { is: 'waiting', on: `the FluxInstance to ask for ${version}; it asks for ${wanted}` }
  const status = stepStatusOf(readinessOf(instance), `kubectl --namespace ${namespace} describe fluxinstance flux`)
  if (status.is === 'blocked') return status
  const rolling = await notAvailable(cluster, namespace, before, pulls)
  if (status.is === 'waiting') return { is: 'waiting', on: rolling ?? status.on }
  if (applied !== version)
    return { is: 'waiting', on: `the operator to apply ${version}; it has applied ${applied === '' ? 'none' : applied}` }
  for (const component of components) {
    const { name, repository, tag } = component
    const deployment = await cluster.get({ ...kinds.deployment, namespace, name })
    const image = deployment === undefined ? 'missing' : otherImage(instance, deployment, component)
    if (image !== undefined) return { is: 'waiting', on: `Deployment ${namespace}/${name} to run ${repository}:${tag}; it is ${image}` }
  }
  if (rolling !== undefined) return { is: 'waiting', on: rolling }
  return { is: 'done', detail: arrows(Object.fromEntries(components.map(({ name, tag }) => [name, tag])), before) }
}

/** `source-controller v1.9.4 → v1.9.5, …` */
function arrows(tags: Tags, before: Tags): string {
  const shown = Object.entries(tags).map(([name, tag]) => {
    const old = before[name]
    return old === undefined || old === tag ? `${name} ${tag}` : `${name} ${old} → ${tag}`
  })
  return shown.join(', ')
}

/** The controllers that are not available, and why. */
async function notAvailable(cluster: Cluster, namespace: string, before: Tags, pulls: Pulls | undefined): Promise<string | undefined> {
  const deployments = await deploymentsOf(cluster, namespace, 'controllers')
  const found = await Promise.all(
    deployments.map(async ({ metadata: { name } }) => {
      const ref: Ref = { ...kinds.deployment, namespace, name }
      const readiness = await deploymentReadiness(cluster, ref)
      if (readiness.is !== 'waiting') return []
      await pulls?.verify(cluster, ref)
      const tag = (await imageOf(cluster, ref)).split(':').at(-1) ?? ''
      const old = before[name]
      return [old === undefined || old === tag ? readiness.on : readiness.on.replace(name, `${name} ${old} → ${tag}`)]
    }),
  )
  return found.flat().length === 0 ? undefined : found.flat().join(', ')
}
