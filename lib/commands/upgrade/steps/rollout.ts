import type { Cluster } from '../../../kubernetes/client.ts'
import { instanceStateOf } from '../../../flux/instance.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { deploymentReadiness } from '../../../kubernetes/readiness.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { type FluxPlace, refsIn } from '../../../flux/refs.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { nudgeFetch } from '../../../flux/artifact.ts'
import { watchStarts } from './failing-starts.ts'
import type { Pulls } from './missing-images.ts'
import { deploymentsOf, imageOf } from '../../../flux/components.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'

/**
 * Follows the operator as it brings the controllers to the version: each with its image before and after, and why it waits.
 * @param images the version's tags; empty where they are not known
 */
export function awaitRollout(
  place: FluxPlace,
  version: string,
  before: Readonly<Record<string, string>>,
  images: Readonly<Record<string, string>>,
): Step {
  const { instance: ref } = refsIn(place)
  const pulls = watchStarts(images, before)
  const { namespace } = place
  return {
    id: 'rollout',
    title: `Follow the rollout of Flux ${version}`,
    risk: 'safe',
    async check({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'waiting', on: `${nameOf(ref)} to exist` }
      return (await rolloutStatus(cluster, namespace, instance, version, before, pulls)) satisfies StepStatus
    },
    apply: () => Promise.resolve(),
    nudge: nudgeFetch(ref),
    watches: [fluxKinds.fluxInstance, kinds.deployment, kinds.pod, fluxKinds.helmRelease].map((kind) => ({ kind, query: { namespace } })),
  }
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
  before: Readonly<Record<string, string>>,
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
  for (const { name, repository, tag } of components) {
    const image = await imageOf(cluster, { ...kinds.deployment, namespace, name })
    if (image !== `${repository}:${tag}`)
      return { is: 'waiting', on: `Deployment ${namespace}/${name} to run ${repository}:${tag}; it is ${image}` }
  }
  if (rolling !== undefined) return { is: 'waiting', on: rolling }
  return { is: 'done', detail: components.map(({ name, tag }) => arrow(name, before[name], tag)).join(', ') }
}

function arrow(name: string, before: string | undefined, now: string): string {
  return before === undefined || before === now ? `${name} ${now}` : `${name} ${before} → ${now}`
}

/** The controllers that are not available, and why. */
async function notAvailable(
  cluster: Cluster,
  namespace: string,
  before: Readonly<Record<string, string>>,
  pulls: Pulls | undefined,
): Promise<string | undefined> {
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
