import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import type { GitLogin } from '../git.ts'
import { once } from '../preflight/once.ts'
import { type FluxObjects, readFluxObjects } from './flux-objects.ts'
import { readFluxCrds } from './flux-crds.ts'
import { judgeAll, type Judgement } from './judgement.ts'

/** What the probes look at, and from where. What several of them want is read once, when the first of them asks. */
export interface Scene {
  readonly cluster: Cluster
  /** How a person reaches this cluster with kubectl: the words before `get`. */
  readonly kubectl: string
  /** In milliseconds. */
  readonly now: number
  readonly login: GitLogin
  /** A folder of this run alone. */
  readonly folder: string
  /** Where alerts are, if anywhere. */
  readonly monitoring: string | undefined
  readonly version: () => Promise<string>
  /** The FluxInstance, or undefined where there is none. */
  readonly instance: () => Promise<KubeObject | undefined>
  /** The namespace that Flux lives in. */
  readonly namespace: () => Promise<string>
  /** Those in Flux's namespace. */
  readonly deployments: () => Promise<readonly KubeObject[]>
  readonly pods: () => Promise<readonly KubeObject[]>
  /** The CRDs of Flux and its operator. */
  readonly crds: () => Promise<readonly KubeObject[]>
  readonly objects: () => Promise<FluxObjects>
  /** How each of them is, by its name. */
  readonly judged: () => Promise<ReadonlyMap<string, Judgement>>
}

export interface Surroundings extends Pick<Scene, 'cluster' | 'kubectl' | 'login' | 'folder' | 'monitoring'> {
  readonly now?: number
}

const versionSchema = v.object({ gitVersion: v.string() })

/** The scene as it is from now on: what was read is not read again. */
export function setScene({ cluster, now = Date.now(), ...others }: Surroundings): Scene {
  const instance = once(async () => {
    const instances = await cluster.list(kinds.fluxInstance)
    return instances.find(({ metadata }) => metadata.name === 'flux') ?? instances[0]
  })
  const namespace = once(async () => (await instance())?.metadata.namespace ?? (await operatorNamespace(cluster)) ?? 'flux-system')
  const crds = once(() => readFluxCrds(cluster))
  const objects = once(async () => readFluxObjects(cluster, await crds()))
  return {
    ...others,
    cluster,
    now,
    version: once(async () => v.parse(versionSchema, await cluster.read('/version')).gitVersion),
    instance,
    namespace,
    deployments: once(async () => cluster.list(kinds.deployment, { namespace: await namespace() })),
    pods: once(async () => cluster.list(kinds.pod, { namespace: await namespace() })),
    crds,
    objects,
    judged: once(async () => judgeAll(await objects(), now)),
  }
}

async function operatorNamespace(cluster: Cluster): Promise<string | undefined> {
  const [operator] = await cluster.list(kinds.deployment, { labels: 'app.kubernetes.io/name=flux-operator' })
  return operator?.metadata.namespace
}
