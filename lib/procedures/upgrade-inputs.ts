import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { releaseStateOf, stateOf } from '../cluster/flux-instance.ts'
import { type FluxCrd, healthOf, listControllerCrds, listFluxObjects } from '../cluster/flux-objects.ts'
import { kinds, nameOf } from '../cluster/objects.ts'
import { deploymentReadiness } from '../cluster/readiness.ts'
import { type Distribution, readDistribution } from '../distribution.ts'
import { OperatorError } from '../errors.ts'
import { type FluxPlace, refsIn } from '../flux-place.ts'
import { renderChart } from '../helm.ts'
import { apiChanges, type ApiChanges, checkStored, tellChanges } from '../preflight/api-versions.ts'
import { checkDistribution } from '../preflight/distribution.ts'
import { blocks, createPreflight, type Finding, notice } from '../preflight/finding.ts'
import { checkBehind } from '../preflight/git-state.ts'
import { checkKubernetesVersion } from '../preflight/kubernetes-version.ts'
import { checkPrograms } from '../preflight/programs.ts'
import { checkRights } from '../preflight/rights.ts'
import { upgradeRights } from '../preflight/upgrade-rights.ts'
import { checkVersions, nearestVersions } from '../preflight/versions.ts'
import { listTags, parseArtifact } from '../registry.ts'
import type { Session } from '../session.ts'
import { staleObjects } from '../steps/migrate-apis.ts'
import { unhealthy } from '../steps/verify-versions.ts'
import type { Target } from '../target.ts'
import { buildTree, fetchTree, type Tree } from '../tree.ts'
import type { VersionLines } from '../version-lines.ts'
import type { UpgradeNotes } from './upgrade-notes.ts'

export interface Versions {
  readonly flux: string
  readonly operator: string
}

/** What is asked for on the command line; what is left out stays. */
export interface Asked {
  readonly flux: string | undefined
  readonly operator: string | undefined
  /** An unhealthy cluster all the same. */
  readonly isForced: boolean
  /** Older versions are meant. */
  readonly isBack: boolean
  readonly lockNamespace: string
}

/** Everything an upgrade, or the way back from one, is made of; known before anything is changed. */
export interface UpgradeInputs {
  readonly tree: Tree
  readonly notes: UpgradeNotes
  readonly notices: readonly string[]
}

/** How long what is not Ready is given to become so by itself, in milliseconds. */
const settling = 30_000

const versionSchema = v.object({ gitVersion: v.string() })

/**
 * Looks at all that could stand in the way of other versions.
 * @throws OperatorError `blocked` with every finding, not just the first
 */
export async function prepareUpgrade(session: Session, target: Target, asked: Asked): Promise<UpgradeInputs> {
  const { cluster, tools, folder } = session
  const { signal } = cluster
  const { remote, folder: name } = target
  const checkout = join(folder, 'tree')
  await mkdir(checkout)
  const preflight = createPreflight(signal)
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const tree = await preflight.learn(() => fetchTree(remote, name, checkout, tools.kubectl, signal))
  if (tree === undefined) throw preflight.blocked()
  const place = placeOf(tree)
  const { instance: ref, instanceRelease } = refsIn(place)
  const [live, release] = await Promise.all([cluster.get(ref), cluster.get(instanceRelease)])
  if (live === undefined || release === undefined) {
    throw new OperatorError(
      `${nameOf(live === undefined ? ref : instanceRelease)} is not there: there is no Flux here that manages itself`,
      {
        kind: 'blocked',
        remedy: `npx zx scripts/bootstrap.ts ${target.where}`,
      },
    )
  }
  const now = stateOf(live)
  const to = { flux: asked.flux ?? tree.distribution.version, operator: asked.operator ?? tree.operator.version }
  const runs = { flux: now.applied === '' ? now.wanted : now.applied, operator: releaseStateOf(release).chart ?? tree.operator.version }
  const from = asked.isBack
    ? {
        flux: leaving(to.flux, runs.flux, now.wanted, tree.distribution.version),
        operator: leaving(to.operator, runs.operator, tree.operator.version),
      }
    : runs
  const lines = linesOf(tree, from, to)

  const artifact = lines.after.distribution_artifact ?? tree.distribution.artifact
  const crds = await listControllerCrds(cluster)
  const wantedTree = { ...tree, distribution: { ...tree.distribution, artifact } }
  const distribution = await preflight.learn(() => readDistribution(artifact, session.registry, signal))
  const changes = distribution === undefined ? undefined : apiChanges(crds, distribution, to.flux)
  const objects = await listFluxObjects(cluster, crds)
  const stale = changes === undefined ? [] : staleObjects(objects, crds, changes.goesAway)
  // What may have to be put back: the FluxInstance as the chart makes it of the older versions.
  const older = asked.isBack ? lines.after : lines.before
  const former = await preflight.learn(() => buildTree(remote, tree.commit, name, checkout, tools.kubectl, older))
  const render = async (chart: Tree['instance']) => preflight.learn(() => renderChart(session, chart, gitVersion))
  const rendered = former === undefined ? undefined : await render(former.instance)
  const isNewChart = to.operator !== from.operator

  const behind = await preflight.learn(() => checkBehind(cluster, tree, folder))
  await preflight.check(
    () => checkPrograms(tools, { kubernetes: gitVersion, flux: to.flux, insecure: tree.operator.insecure }),
    () => checkKubernetesVersion(gitVersion, to.flux),
    () => checkRights(cluster, upgradeRights(place.namespace, asked.lockNamespace)),
    () => checkDistribution(wantedTree, session.registry, signal),
    () => checkVersions({ from, to, distribution, artifact, isBack: asked.isBack }),
    async () => (isNewChart ? checkChart(session, tree, to.operator) : []),
    () => (releaseStateOf(release).isSuspended ? [suspended(nameOf(instanceRelease), place)] : []),
    async () => judgeHealth(await settled(session, place, asked.isForced), asked.isForced),
    () => behind ?? [],
    () => apiFindings(crds, changes, stale),
  )
  const notices = preflight.conclude()
  const instance = rendered?.find(({ kind }) => kind === kinds.fluxInstance.kind)
  if (instance === undefined) throw preflight.blocked()
  const notes: UpgradeNotes = {
    from,
    to,
    place,
    ...lines,
    instance,
    ready: readyOf(await listFluxObjects(cluster, crds)),
    isBehind: behind !== undefined && behind.length > 0,
    served: asked.isBack ? apisIn(distribution, to.flux) : Object.fromEntries(crds.map(({ name: crd, served }) => [crd, [...served]])),
    images: Object.fromEntries(now.components.map(({ name: controller, tag }) => [controller, tag])),
    newImages: Object.fromEntries(distribution?.imagesOf(to.flux) ?? []),
    goesAway: asked.isBack ? [] : [...(changes?.goesAway ?? [])],
    pauses: {},
    commit: '',
    isGoingBack: false,
  }
  return { tree, notes, notices }
}

/** What a way back leaves: the version that runs; or, where that is where it leads, one that was asked for and never came to run. */
function leaving(to: string, ...versions: readonly [string, ...string[]]): string {
  return versions.find((version) => version !== to) ?? versions[0]
}

function apisIn(distribution: Distribution | undefined, version: string): Record<string, string[]> {
  return Object.fromEntries([...(distribution?.apisOf(version) ?? [])].map(([name, versions]) => [name, [...versions]]))
}

/** Where Git keeps this cluster's Flux. */
export function placeOf(tree: Tree): UpgradeNotes['place'] {
  return {
    namespace: tree.namespace,
    syncName: tree.syncName,
    kustomizations: tree.kustomizations.map(({ metadata }) => metadata.name),
    operatorRelease: tree.operator.name,
    instanceRelease: tree.instance.name,
  }
}

/** The lines of settings.yaml that differ; the artifact's tag is the operator's where it was before. */
function linesOf({ settings }: Tree, from: Versions, to: Versions): { before: Record<string, string>; after: Record<string, string> } {
  const artifact = settings.distribution_artifact ?? ''
  const isOperators = artifact.endsWith(`:v${settings.operator_version ?? ''}`)
  const at = (versions: Versions): VersionLines => ({
    flux_version: versions.flux,
    operator_version: versions.operator,
    ...(isOperators ? { distribution_artifact: artifact.replace(/:v[^:/]*$/, `:v${versions.operator}`) } : {}),
  })
  const [before, after] = [new Map(Object.entries(at(from))), Object.entries(at(to))]
  // Git may be ahead of the cluster already; a line that neither changes nor has to is left alone.
  const changed = after.filter(([key, value]) => before.get(key) !== value)
  return {
    before: Object.fromEntries(changed.map(([key]) => [key, before.get(key) ?? ''])),
    after: Object.fromEntries(changed),
  }
}

/** Whether the operator's chart exists; if not, which do. */
async function checkChart(session: Session, tree: Tree, version: string): Promise<Finding[]> {
  const artifact = parseArtifact(`${tree.operator.url}:${version}`)
  const tags = artifact === undefined ? undefined : await listTags(artifact, session.registry, session.cluster.signal)
  if (tags === undefined)
    return [notice(`whether there is a chart ${tree.operator.url} ${version} is not known: the registry does not list its tags`)]
  if (tags.includes(version)) return []
  const near = nearestVersions(version, tags)
  return [
    blocks(
      `there is no flux-operator ${version} in ${tree.operator.url}; the nearest that exist are ${near.join(', ')}`,
      `--operator ${near[0] ?? ''}`,
    ),
  ]
}

function suspended(what: string, place: FluxPlace): Finding {
  return blocks(
    `${what} is suspended: nothing that Git says of Flux reaches the cluster`,
    `find out why, then: flux --namespace ${place.namespace} resume helmrelease ${place.instanceRelease}`,
  )
}

/** What is still wrong after a moment: some objects are not Ready for some seconds of every minute, while they are looked at. */
async function settled(session: Session, place: FluxPlace, isForced: boolean): Promise<string[]> {
  for (const deadline = Date.now() + (isForced ? 0 : settling); ; await pause(1000, undefined, { signal: session.cluster.signal })) {
    const wrong = [...(await unavailable(session, place)), ...(await unhealthy(session.cluster))]
    if (wrong.length === 0 || Date.now() > deadline) return wrong
  }
}

/** The Deployments of Flux that are not available. */
async function unavailable({ cluster }: Session, { namespace }: FluxPlace): Promise<string[]> {
  const deployments = await cluster.list(kinds.deployment, { namespace })
  const found = await Promise.all(
    deployments.map(({ metadata }) => deploymentReadiness(cluster, { ...kinds.deployment, namespace, name: metadata.name })),
  )
  return found.flatMap((readiness) => (readiness.is === 'waiting' ? [readiness.on] : []))
}

function judgeHealth(wrong: readonly string[], isForced: boolean): Finding[] {
  if (wrong.length === 0) return []
  const what = `not healthy now: ${wrong.slice(0, 5).join('; ')}${wrong.length > 5 ? `; and ${wrong.length - 5} more` : ''}`
  return [isForced ? notice(what) : blocks(what, 'mend it first; or, if it is no hindrance, the same command with --force')]
}

function apiFindings(crds: readonly FluxCrd[], changes: ApiChanges | undefined, stale: Parameters<typeof tellChanges>[1]): Finding[] {
  return changes === undefined ? [] : [...checkStored(crds, changes), ...tellChanges(changes, stale)]
}

function readyOf(objects: Parameters<typeof healthOf>[0]): Record<string, string> {
  return Object.fromEntries([...healthOf(objects)].flatMap(([name, health]) => (health.is === 'ready' ? [[name, health.revision]] : [])))
}
