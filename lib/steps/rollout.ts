import type { Cluster } from '../cluster/cluster.ts'
import { stateOf } from '../cluster/flux-instance.ts'
import { kinds, type KubeObject, nameOf, type Ref } from '../cluster/objects.ts'
import { deploymentReadiness, readinessOf } from '../cluster/readiness.ts'
import { type FluxPlace, refsIn } from '../flux-place.ts'
import type { Look, Step } from '../step.ts'
import { urgeFetch } from './manifests.ts'
import { imageOf } from './verify-flux.ts'

/** Follows the operator as it brings the controllers to the version: each with its image before and after, and why it waits. */
export function awaitRollout(place: FluxPlace, version: string, before: Readonly<Record<string, string>>): Step {
  const { instance: ref } = refsIn(place)
  const { namespace } = place
  return {
    id: 'rollout',
    title: `Follow the rollout of Flux ${version}`,
    risk: 'safe',
    async look({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'waiting', on: `${nameOf(ref)} to exist` }
      return (await lookAtRollout(cluster, namespace, instance, version, before)) satisfies Look
    },
    act: () => Promise.resolve(),
    urge: urgeFetch(ref),
    watches: [kinds.fluxInstance, kinds.deployment, kinds.pod, kinds.helmRelease].map((kind) => ({ kind, query: { namespace } })),
  }
}

/** How far the operator is with a version. */
export async function lookAtRollout(
  cluster: Cluster,
  namespace: string,
  instance: KubeObject,
  version: string,
  before: Readonly<Record<string, string>>,
): Promise<Look> {
  const { wanted, applied, components } = stateOf(instance)
  if (wanted !== version) return { is: 'waiting', on: `the FluxInstance to ask for ${version}; it asks for ${wanted}` }
  const readiness = readinessOf(instance)
  if (readiness.is === 'failed') {
    return { is: 'blocked', reason: readiness.reason, remedy: `kubectl --namespace ${namespace} describe fluxinstance flux` }
  }
  const rolling = await notAvailable(cluster, namespace, before)
  if (readiness.is === 'waiting') return { is: 'waiting', on: rolling ?? readiness.on }
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
async function notAvailable(cluster: Cluster, namespace: string, before: Readonly<Record<string, string>>): Promise<string | undefined> {
  const deployments = await cluster.list(kinds.deployment, { namespace, labels: 'app.kubernetes.io/part-of=flux' })
  const found = await Promise.all(
    deployments.map(async ({ metadata: { name } }) => {
      const ref: Ref = { ...kinds.deployment, namespace, name }
      const readiness = await deploymentReadiness(cluster, ref)
      if (readiness.is !== 'waiting') return []
      const tag = (await imageOf(cluster, ref)).split(':').at(-1) ?? ''
      const old = before[name]
      return [old === undefined || old === tag ? readiness.on : readiness.on.replace(name, `${name} ${old} → ${tag}`)]
    }),
  )
  return found.flat().length === 0 ? undefined : found.flat().join(', ')
}
