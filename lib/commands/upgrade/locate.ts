import { OperatorError } from '../../base/errors.ts'
import { type Bringers, readBringers, readsFrom } from '../../flux/brought-by.ts'
import { readFluxCrds } from '../../flux/crds.ts'
import { describeSource } from '../../flux/followed.ts'
import { type InstalledFlux, judgeInstallation } from '../../flux/installation.ts'
import { type FluxThere, readFlux } from '../../flux/installations.ts'
import { componentsIn, installerTitles, shardsIn } from '../../flux/installer.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { type FluxPlace, mainInstance, nameIn } from '../../flux/refs.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { kindArgument, type KubeObject, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'

/** A Flux that Git brings into a cluster, from whatever repository and in whatever layout. */
export interface LocatedFlux {
  readonly installed: InstalledFlux
  readonly place: FluxPlace
  /** The FluxInstance; undefined where Git has Flux's own manifests. */
  readonly instance: KubeObject | undefined
  /** The controllers' Deployments, without those of shards. */
  readonly controllers: readonly KubeObject[]
  /** The repository, as its source names it. */
  readonly url: string
  readonly ref: string
  /** The folders that this cluster's Kustomizations read there. */
  readonly folders: readonly string[]
}

/**
 * Finds by what, and from which repository, a cluster's Flux is brought: by the marks on what runs, not by names.
 * @param of whether it is the version of Flux or of its operator that is to be changed
 * @param where the flags that name the cluster
 * @throws OperatorError `blocked` where no Git repository says it
 */
export async function locateFlux(cluster: Cluster, of: 'flux' | 'operator', where: string): Promise<LocatedFlux> {
  const there = await readFlux(cluster)
  const installed = judgeInstallation({ ...there, crds: await readFluxCrds(cluster) })
  const instance = mainInstance(there.instances)
  const flux = versionedObject(installed, instance, there, where)
  const operator = there.operators.find(({ metadata }) => metadata.namespace === installed.namespace)
  const ofFlux = await bringersOf(cluster, flux)
  const ofOperator = operator && (await readBringers(cluster, operator))
  if (of === 'operator' && operator === undefined)
    throw blocked('there is no flux-operator in this cluster', `npx zx scripts/health-check.ts ${where}`)
  if (of === 'operator' && operator !== undefined && ofOperator === undefined) throw notBrought(nameOf(refOf(operator)))
  const chosen = of === 'operator' && ofOperator !== undefined ? ofOperator : ofFlux
  const { url, ref, sourceRef, folders } = await sourceOf(cluster, chosen, where)
  const { namespace } = installed
  const names = (kustomizations: readonly KubeObject[]): string[] => kustomizations.map((one) => nameIn(namespace, refOf(one)))
  const [root = '', ...others] = names(ofFlux.kustomizations)
  const beside = of === 'operator' ? names(chosen.kustomizations).filter((name) => name !== root && !others.includes(name)) : []
  const releaseName = (maker: Ref | undefined): string | undefined =>
    maker?.kind === fluxKinds.helmRelease.kind ? nameIn(namespace, maker) : undefined
  const operatorRelease = releaseName(ofOperator?.maker)
  const instanceRelease = releaseName(ofFlux.maker)
  const place: FluxPlace = {
    namespace,
    syncName: nameIn(namespace, sourceRef),
    rootName: root,
    // The last is the one that applies what the version is of: where the root does that itself, nothing may come after it.
    kustomizations: others.length === 0 ? [] : [...beside, ...others],
    ...(operatorRelease === undefined ? {} : { operatorRelease }),
    ...(instanceRelease === undefined ? {} : { instanceRelease }),
    installs: instance === undefined ? 'manifests' : 'instance',
  }
  const controllers = there.controllers.filter(
    (one) => one.metadata.namespace === namespace && componentsIn(one).length > 0 && shardsIn(one).length === 0,
  )
  return { installed, place, instance, controllers, url, ref, folders }
}

/** The object whose version Flux's is: its FluxInstance, or one of the controllers that the flux CLI's manifests bring. */
function versionedObject(
  { installedBy }: InstalledFlux,
  instance: KubeObject | undefined,
  { controllers }: FluxThere,
  where: string,
): KubeObject {
  if (installedBy === 'operator' && instance !== undefined) return instance
  const [controller] = controllers
  if (installedBy === 'cli' && controller !== undefined) return controller
  const bootstrap = `npx zx scripts/bootstrap.ts ${where}`
  if (installedBy === 'none') throw blocked('there is no Flux in this cluster', bootstrap)
  if (installedBy === 'operator') throw blocked('there is no FluxInstance, and so no Flux here that manages itself', bootstrap)
  if (controller === undefined) throw blocked('no controller of Flux is in this cluster', `npx zx scripts/recover.ts ${where}`)
  const what = installedBy === 'several' ? 'more than one Flux is in this cluster' : `Flux was installed by ${installerTitles[installedBy]}`
  throw blocked(`${what}: its version is not one that Flux reads from Git`, remedyOf(installedBy, where))
}

function remedyOf(installedBy: InstalledFlux['installedBy'], where: string): string {
  if (installedBy === 'several') return `npx zx scripts/health-check.ts ${where}`
  if (installedBy !== 'pulumi') return 'change the version there'
  return `change the chart's version in the stack's config (flux:chart_version), then: npx zx scripts/bootstrap.ts ${where} --via pulumi`
}

async function bringersOf(cluster: Cluster, object: KubeObject): Promise<Bringers> {
  const name = nameOf(refOf(object))
  const bringers = await readBringers(cluster, object)
  if (bringers === undefined) throw notBrought(name)
  if (bringers.maker?.kind !== fluxKinds.resourceSet.kind) return bringers
  throw blocked(
    `${name} is made by ${nameOf(bringers.maker)}, which may set its version from another place`,
    'change the version where that ResourceSet takes it from, and push',
  )
}

function notBrought(name: string): OperatorError {
  return blocked(
    `${name} is applied by none of Flux's Kustomizations, so its version is not in Git`,
    `kubectl get --all-namespaces ${kindArgument(fluxKinds.kustomization)}; commit it to a folder that one of them applies, or change it where it was applied from`,
  )
}

/** The Git repository that the innermost Kustomization reads, and what else of the cluster reads there. */
async function sourceOf(
  cluster: Cluster,
  { kustomizations }: Bringers,
  where: string,
): Promise<{ url: string; ref: string; sourceRef: Ref; folders: readonly string[] }> {
  const applier = kustomizations.at(-1)
  if (applier === undefined) throw new OperatorError('no Kustomization applies Flux')
  const { kind, namespace, name } = readsFrom(applier)
  const shown = `${nameOf(refOf(applier))} reads ${kind} ${namespace}/${name}`
  if (kind !== fluxKinds.gitRepository.kind) {
    const remedy = 'change the version in the repository that it is built from, and push it'
    throw blocked(`${shown}, which is not a Git repository: the origin of its content is not known`, remedy)
  }
  const sourceRef = { ...fluxKinds.gitRepository, namespace, name }
  const source = await cluster.get(sourceRef)
  if (source === undefined) throw blocked(`${shown}, which does not exist`, `npx zx scripts/health-check.ts ${where}`)
  const all = (await cluster.list(fluxKinds.kustomization)).map(readsFrom)
  const same = all.filter((one) => one.kind === kind && one.namespace === namespace && one.name === name)
  return { ...describeSource(source), sourceRef, folders: [...new Set(same.map(({ folder }) => folder))] }
}

function blocked(what: string, remedy: string): OperatorError {
  return new OperatorError(what, { kind: 'blocked', remedy })
}
