import { controllerNames } from '../../../flux/components.ts'
import { newestRevision, objectsOfRelease, releaseOf } from '../../../flux/helm-release.ts'
import type { FluxThere } from '../../../flux/installations.ts'
import { componentsIn, hasPulumi, type Installer, installerOf, shardsIn } from '../../../flux/installer.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { appLabels, appliedBy, isMadeByOperator } from '../../../flux/labels.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { metadataPages } from '../../../kubernetes/metadata.ts'
import { kinds, type KubeObject } from '../../../kubernetes/objects.ts'

/** A Flux that another program than the operator has put into a namespace, as far as the operator has not made it its own yet. */
export interface FluxOrigin {
  readonly installedBy: Installer
  /** Without `v`; undefined where nothing says it. */
  readonly version: string | undefined
  readonly controllers: readonly KubeObject[]
  /** The names of what they run. */
  readonly components: readonly string[]
  /** The one Deployment that runs several controllers, as in flux-aio: no operator makes it its own. */
  readonly together: KubeObject | undefined
  /** The Helm release that has the controllers among its objects: uninstalled, it deletes them and every CustomResourceDefinition. */
  readonly release: HelmRelease | undefined
  /** The HelmRelease of Flux's that makes that release, as long as it is there and may act. */
  readonly releasedBy: KubeObject | undefined
}

/** A release of Helm's. */
export interface HelmRelease {
  readonly namespace: string
  readonly name: string
}

/**
 * The controllers of a namespace that are another program's: the operator has not made them; or it has, as soon as Git brought it, and Pulumi
 * has them in its state all the same.
 */
export function foreignControllers({ controllers }: Pick<FluxThere, 'controllers'>, namespace: string): KubeObject[] {
  const own = controllers.filter((one) => one.metadata.namespace === namespace && componentsIn(one).length > 0)
  return own.filter((one) => !isMadeByOperator(one) || hasPulumi(one))
}

/** Reads what the operator would take over in a namespace; undefined where nothing is left to take over. */
export async function readOrigin(cluster: Cluster, there: FluxThere, namespace: string): Promise<FluxOrigin | undefined> {
  const controllers = foreignControllers(there, namespace)
  const [first] = controllers
  const release = controllers.map(releaseOf).find((one) => one !== undefined) ?? (await findRelease(cluster, namespace))
  if (first === undefined && release === undefined) return undefined
  const together = controllers.find((one) => componentsIn(one).length > 1)
  const keeper = together ?? first
  const installedBy = keeper === undefined ? 'helm' : hasPulumi(keeper) ? 'pulumi' : installerOf(keeper)
  return {
    installedBy,
    version: first?.metadata.labels[appLabels.version]?.replace(/^v/, ''),
    controllers,
    components: [...new Set(controllers.filter((one) => shardsIn(one).length === 0).flatMap(componentsIn))],
    together,
    release,
    releasedBy: await makerOf(cluster, there, namespace),
  }
}

/** The Helm release among whose objects a controller is: the operator takes Helm's annotations off, and Helm's storage stays. */
async function findRelease(cluster: Cluster, namespace: string): Promise<HelmRelease | undefined> {
  const names = new Set<string>()
  const path = await cluster.collection(kinds.secret, { namespace, labels: 'owner=helm' })
  for await (const page of metadataPages(cluster, path, kinds.secret)) {
    for (const { metadata } of page) if (metadata.labels.name !== undefined) names.add(metadata.labels.name)
  }
  for (const name of names) {
    const newest = await newestRevision(cluster, namespace, name)
    const objects = newest === undefined ? [] : objectsOfRelease(newest, namespace)
    const isFlux = objects.some(
      (ref) => ref.kind === kinds.deployment.kind && ref.namespace === namespace && controllerNames.includes(ref.name),
    )
    if (isFlux) return { namespace, name }
  }
  return undefined
}

async function makerOf(cluster: Pick<Cluster, 'get'>, { controllers }: FluxThere, namespace: string): Promise<KubeObject | undefined> {
  const { helmRelease } = appliedBy
  for (const { metadata } of controllers.filter((one) => one.metadata.namespace === namespace)) {
    const { [helmRelease.name]: name, [helmRelease.namespace]: at } = metadata.labels
    const maker = name === undefined || at === undefined ? undefined : await cluster.get({ ...fluxKinds.helmRelease, namespace: at, name })
    if (maker !== undefined) return maker
  }
  return undefined
}
