import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { isSuspended } from '../../flux/suspension.ts'
import { movedComponents, releaseStateOf, instanceStateOf } from '../../flux/instance.ts'
import { listFluxObjects } from '../../flux/object-status.ts'
import { changedWith, listControllerCrds } from '../../flux/crds.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { type KubeObject, nameOf } from '../../kubernetes/objects.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { readDistribution } from '../../flux/distribution.ts'
import { OperatorError } from '../../base/errors.ts'
import { instanceIn, refsIn } from '../../flux/refs.ts'
import { readYaml } from './checks/git-api-versions.ts'
import { apiChanges } from './checks/api-versions.ts'
import { checkDistribution } from '../../preflight/distribution.ts'
import { createPreflight } from '../../preflight/preflight.ts'
import { checkBehind, checkFollowsBranch } from '../../preflight/git-state.ts'
import { checkKubernetesVersion } from '../../preflight/kubernetes-version.ts'
import { checkPrograms } from '../../preflight/programs.ts'
import { checkSignedCommits } from '../../preflight/signed-commits.ts'
import { checkRights } from '../../preflight/rights.ts'
import { upgradeRights } from './checks/rights.ts'
import { checkInstancesStay } from '../../preflight/terminating.ts'
import { checkChain } from './checks/chain.ts'
import { checkVersions } from './checks/versions.ts'
import { checkChart, digestAt } from './checks/operator-chart.ts'
import { changedLinesOf } from './version-lines.ts'
import type { Session } from '../../connection/session.ts'
import { staleObjects } from './steps/migrate-apis.ts'
import { inGitOf, type Target } from '../../connection/target.ts'
import { fetchTree, type Tree } from '../../desired-state/tree.ts'
import { exactVersion } from '../../desired-state/chart.ts'
import { apiFindings, leaving, nothingDone, suspendedFinding, versionNotes, type Versions } from './version-notes.ts'
import { isInSettings } from './in-settings.ts'
import { preparePlace } from './prepare-place.ts'
import { readStart, renderInstance } from './rollback-start.ts'
import type { UpgradeState } from './state.ts'
import { judgeHealth, readyOf, settledHealth } from './checks/health.ts'

/** What is asked for on the command line; what is left out stays. */
export interface UpgradeRequest {
  readonly flux: string | undefined
  readonly operator: string | undefined
  /** An unhealthy cluster all the same. */
  readonly isForced: boolean
  /** Older versions are meant. */
  readonly isBack: boolean
  /** Whether each new image is started once beforehand. */
  readonly checksImages: boolean
  /** Where the change is only proposed. */
  readonly branch: string | undefined
  readonly lockNamespace: string
}

/** Everything an upgrade, or the rollback from one, is made of; known before anything is changed. */
export interface UpgradeInputs {
  /** What Git is at. */
  readonly commit: string
  readonly notes: UpgradeState
  readonly notices: readonly string[]
}

const versionSchema = v.object({ gitVersion: v.string() })

/**
 * Checks all that could block other versions.
 * @throws OperatorError `blocked` with every finding, not just the first
 */
export async function prepareUpgrade(session: Session, target: Target, asked: UpgradeRequest): Promise<UpgradeInputs> {
  return (await isInSettings(session, target, asked)) ? prepareOwnTree(session, target, asked) : preparePlace(session, target, asked)
}

async function prepareOwnTree(session: Session, target: Target, asked: UpgradeRequest): Promise<UpgradeInputs> {
  const { cluster, tools } = session
  const folder = session.folder()
  const { signal } = cluster
  const { remote, folder: name } = inGitOf(target, 'upgrade')
  const checkout = join(folder, 'tree')
  await mkdir(checkout)
  const preflight = createPreflight(signal)
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const tree = await preflight.learn(() => fetchTree(remote, name, checkout, tools.kubectl, signal))
  if (tree === undefined) throw preflight.blocked()
  const place = placeOf(tree)
  const { source } = refsIn(place)
  const { live, release } = await readInstalled(cluster, tree, target)
  const { from, to } = versionsOf(asked, tree, live, release)
  const { findings: ofPins, ...lines } = await changedLinesOf(tree, from, to, (url) => digestAt(session, url))

  const artifact = lines.after.distribution_artifact ?? tree.distribution.artifact
  const crds = changedWith(live, await listControllerCrds(cluster))
  const wantedTree = { ...tree, distribution: { ...tree.distribution, artifact } }
  const isNewChart = to.operator !== from.operator
  const chart = isNewChart ? await preflight.learn(() => checkChart(session, tree, to.operator)) : []
  const isKnown = chart?.every(({ is }) => is === 'notice') // else its artifact, missing too, is not a finding of its own
  const distribution = isKnown ? await preflight.learn(() => readDistribution(artifact, session.registry, signal)) : undefined
  const changes = distribution === undefined ? undefined : apiChanges(crds, distribution, to.flux)
  const stale = changes === undefined ? [] : staleObjects(await listFluxObjects(cluster, crds), crds, changes.removedVersions)
  // What may have to be restored: the FluxInstance as the chart makes it of the older versions.
  const older = asked.isBack ? lines.after : lines.before
  const instance = await preflight.learn(() => renderInstance(session, { tree, checkout, gitVersion }, older))
  const start = asked.isBack
    ? await preflight.learn(() => readStart(session, { tree, checkout, gitVersion }, live, lines.after))
    : undefined

  const files = asked.isBack ? [] : await readYaml(checkout, 'kubernetes')
  const behind = await preflight.learn(() => checkBehind(cluster, tree, folder))
  await preflight.check(
    () => checkPrograms(tools, { kubernetes: gitVersion, flux: to.flux, insecure: tree.operator.insecure }),
    () => checkKubernetesVersion(gitVersion, to.flux),
    () => checkRights(cluster, upgradeRights(place.namespace, asked.lockNamespace, asked.checksImages)),
    () => (isKnown ? checkDistribution(wantedTree, session.registry, signal) : []),
    () => checkVersions({ from, to, distribution, artifact, isBack: asked.isBack, where: target.where }),
    () => [...(chart ?? []), ...(isNewChart && isKnown !== false ? ofPins : [])],
    async () => checkInstancesStay(await cluster.list(fluxKinds.fluxInstance), target.where),
    async () => checkSignedCommits(cluster, await cluster.get(source), { remote, folder, branch: asked.branch }),
    () => (isSuspended(live) ? [suspendedFinding(live, target.where)] : []),
    () => checkChain(cluster, place, isNewChart),
    async () => judgeHealth(await settledHealth(session, place, asked.isForced), asked.isForced),
    () => [...checkFollowsBranch(remote), ...(behind ?? [])],
    () => apiFindings({ ...asked, crds, changes, stale, to: to.flux, files }),
  )
  const notices = preflight.conclude()
  if (instance === undefined) throw preflight.blocked()
  const ready = readyOf(await listFluxObjects(cluster, crds))
  const components = await movedComponents(cluster, live)
  const known = { isBehind: (behind ?? []).length > 0, ready, ...versionNotes(asked, to.flux, { components, crds, distribution, changes }) }
  const notes: UpgradeState = { from, to, place, ...lines, instance, ...(start === undefined ? {} : { start }), ...known, ...nothingDone }
  return { commit: tree.commit, notes, notices }
}

/**
 * The FluxInstance, and the HelmRelease that Git has for it.
 * @throws OperatorError `blocked` where one of them does not exist
 */
async function readInstalled(
  cluster: Cluster,
  { namespace, instance: { name } }: Tree,
  target: Target,
): Promise<{ live: KubeObject; release: KubeObject }> {
  const instance = instanceIn(namespace)
  const instanceRelease = { ...fluxKinds.helmRelease, namespace, name }
  const [live, release] = await Promise.all([cluster.get(instance), cluster.get(instanceRelease)])
  if (live !== undefined && release !== undefined) return { live, release }
  const missing = nameOf(live === undefined ? instance : instanceRelease)
  throw new OperatorError(`${missing} does not exist: there is no Flux here that manages itself`, {
    kind: 'blocked',
    remedy: `npx zx scripts/bootstrap.ts ${target.where}`,
  })
}

/** Which versions are left, and which are gone to. */
function versionsOf(asked: UpgradeRequest, tree: Tree, live: KubeObject, release: KubeObject): { from: Versions; to: Versions } {
  const now = instanceStateOf(live)
  const released = releaseStateOf(release).chart
  const inGit = exactVersion(tree.operator) ?? released ?? tree.operator.version
  const to = { flux: asked.flux ?? tree.distribution.version, operator: asked.operator ?? inGit }
  const runs = { flux: now.applied === '' ? now.wanted : now.applied, operator: released ?? inGit }
  if (!asked.isBack) return { from: runs, to }
  const flux = leaving(to.flux, runs.flux, now.wanted, tree.distribution.version)
  return { from: { flux, operator: leaving(to.operator, runs.operator, inGit) }, to }
}

/** Where Git keeps this cluster's Flux. */
export function placeOf(tree: Tree): UpgradeState['place'] {
  return {
    namespace: tree.namespace,
    syncName: tree.syncName,
    // Other Kustomizations in the cluster's folder apply what is not Flux.
    kustomizations: [...new Set(tree.applied.map(({ by }) => by))].filter((name) => name !== tree.syncName),
    operatorRelease: tree.operator.name,
    instanceRelease: tree.instance.name,
  }
}
