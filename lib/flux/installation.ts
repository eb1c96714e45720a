import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject, type Ref } from '../kubernetes/objects.ts'
import { controllerNames, isSharded } from './components.ts'
import { operatorCrds, readFluxCrds } from './crds.ts'
import { findFollowed, type FluxSource, followedKinds } from './followed.ts'
import { type FluxThere, readFlux } from './installations.ts'
import { componentsIn, installerOf, type Installer, shardsIn } from './installer.ts'
import { shardingOf, wantedComponents } from './instance.ts'
import { appLabels } from './labels.ts'
import { type FluxObjects, readFluxObjects } from './read-objects.ts'
import { mainInstance, usualNamespace } from './refs.ts'
import { appliedRevision, versionOfRevision } from './revision.ts'

/** What there is of Flux in a cluster: how it was installed, where, of what it is made, what it follows. Everything decides by this. */
export interface Installation {
  readonly installedBy: Installer | 'several' | 'none'
  /** Without `v`; undefined where nothing tells. */
  readonly version: string | undefined
  readonly namespace: string
  /** The controllers that are to run, whether they are there or not. */
  readonly components: readonly string[]
  /** The shards that controllers are to run for. */
  readonly shards: readonly string[]
  /** The label by which an object names its shard. */
  readonly shardLabel: string
  /** That an operator and a FluxInstance are to be there: they have made what is there, or nothing is there at all. */
  readonly expectsOperator: boolean
  readonly follows: FluxSource | undefined
}

/** What Flux's own parts say of it, without what it follows: that takes its objects. */
export type InstalledFlux = Omit<Installation, 'follows'>

/** Flux itself, as the API has it: who keeps it, and the CustomResourceDefinitions, which outlive the rest. */
export interface FluxEvidence extends FluxThere {
  readonly crds: readonly KubeObject[]
}

/** Reads what there is of Flux in a cluster. */
export async function readInstallation(cluster: Cluster): Promise<Installation> {
  const [there, crds] = await Promise.all([readFlux(cluster), readFluxCrds(cluster)])
  const evidence = { ...there, crds }
  const ofRoots = crds.filter(({ metadata }) => followedKinds.some((plural) => metadata.name.startsWith(`${plural}.`)))
  return completeInstallation(cluster, evidence, await readFluxObjects(cluster, ofRoots))
}

/** The same, where its objects have been read already. */
export async function completeInstallation(cluster: Cluster, evidence: FluxEvidence, objects: FluxObjects): Promise<Installation> {
  const installed = judgeInstallation(evidence)
  const follows = await findFollowed(cluster, mainInstance(evidence.instances), installed.namespace, objects)
  return { ...installed, follows }
}

/** All of it that Flux's own objects tell. */
export function judgeInstallation(evidence: FluxEvidence): InstalledFlux {
  const { instances, controllers, crds } = evidence
  const instance = mainInstance(instances)
  const own = controllers.filter((deployment) => componentsIn(deployment).length > 0)
  const main = own.filter((deployment) => shardsIn(deployment).length === 0)
  const version = versionOf(instance, main, crds)
  const { label, shards } = shardingOf(instance)
  const there = own.flatMap(shardsIn)
  const installedBy = judgeInstaller(evidence, main)
  return {
    installedBy,
    version,
    namespace: namespaceOf(evidence, main),
    components: instance === undefined ? componentsOf(main, crds, version) : wantedComponents(instance),
    shards: [...new Set([...shards, ...there])],
    shardLabel: label,
    expectsOperator: installedBy === 'none' || installedBy === 'operator' || instances.length > 0,
  }
}

/** Who installed it: who keeps the controllers that run; where none does, who brought the CustomResourceDefinitions that are left. */
function judgeInstaller({ instances, operators, crds }: FluxEvidence, main: readonly KubeObject[]): Installation['installedBy'] {
  const home = mainInstance(instances)?.metadata.namespace
  const found = main.map((deployment): { namespace: string; by: Installer } => {
    const { namespace = '' } = deployment.metadata
    // An operator with a FluxInstance takes over what is in its namespace, no matter who put it there before.
    return { namespace, by: namespace === home ? 'operator' : installerOf(deployment) }
  })
  if (home !== undefined) found.push({ namespace: home, by: 'operator' })
  const [first] = found
  if (first !== undefined) {
    const isOne = found.every(({ namespace, by }) => namespace === first.namespace && by === first.by)
    return isOne ? first.by : 'several'
  }
  if (operators.length > 0 || crds.some(({ metadata }) => operatorCrds.includes(metadata.name))) return 'operator'
  const [crd] = crds
  return crd === undefined ? 'none' : installerOf(crd)
}

function namespaceOf({ instances, operators, controllers, crds }: FluxEvidence, main: readonly KubeObject[]): string {
  const [keeper] = [mainInstance(instances), main[0], operators[0], controllers[0]].filter((object) => object !== undefined)
  // `flux install` and the operator label all that they make with the namespace that it is for; the operator's own chart, with its release's name.
  const [crd] = crds.filter(({ metadata }) => !operatorCrds.includes(metadata.name))
  return keeper?.metadata.namespace ?? crd?.metadata.labels[appLabels.instance] ?? usualNamespace
}

function versionOf(instance: KubeObject | undefined, main: readonly KubeObject[], crds: readonly KubeObject[]): string | undefined {
  const applied = versionOfRevision(appliedRevision(instance))
  const labelled = [...main, ...crds].map(({ metadata }) => metadata.labels[appLabels.version] ?? '')
  const version = [applied, ...labelled].find((one) => one !== '')
  return version?.replace(/^v/, '')
}

/**
 * The controllers that someone else than a FluxInstance has installed: those that are there, and those whose CustomResourceDefinitions came
 * with this version, which name theirs. What an older one has left is not managed by Flux.
 */
function componentsOf(main: readonly KubeObject[], crds: readonly KubeObject[], version: string | undefined): readonly string[] {
  const current = crds.filter(({ metadata }) => metadata.labels[appLabels.version]?.replace(/^v/, '') === version)
  const named = new Set([...main.flatMap(componentsIn), ...current.map(({ metadata }) => metadata.labels[appLabels.component])])
  return controllerNames.filter((name) => named.has(name))
}

/** The Deployments that are to be there for the shards, beside the main controllers'. */
export function shardDeployments({
  components,
  shards,
  namespace,
  version,
}: Pick<Installation, 'components' | 'shards' | 'namespace' | 'version'>): Ref[] {
  const sharded = components.filter((name) => isSharded(name, version))
  return shards.flatMap((shard) => sharded.map((name) => ({ ...kinds.deployment, namespace, name: `${name}-${shard}` })))
}

/** As documents have it. */
export function installationField({ installedBy, version, namespace, components, shards, follows }: Installation): Record<string, unknown> {
  const followed = follows && { kind: follows.source.kind, namespace: follows.source.namespace, name: follows.source.name }
  return {
    installedBy,
    version: version ?? null,
    namespace,
    components,
    shards,
    follows: follows === undefined ? null : { ...followed, url: follows.url, ref: follows.ref },
  }
}
