import * as v from 'valibot'
import { OperatorError } from '../../base/errors.ts'
import type { Session } from '../../connection/session.ts'
import type { Target } from '../../connection/target.ts'
import { changedWith, listControllerCrds } from '../../flux/crds.ts'
import { fluxKinds } from '../../flux/kinds.ts'
import { listFluxObjects } from '../../flux/object-status.ts'
import { refsIn } from '../../flux/refs.ts'
import { isSuspended } from '../../flux/suspension.ts'
import { checkBehindHead } from '../../preflight/git-state.ts'
import { checkKubernetesVersion } from '../../preflight/kubernetes-version.ts'
import { createPreflight } from '../../preflight/preflight.ts'
import { checkPrograms } from '../../preflight/programs.ts'
import { checkRights } from '../../preflight/rights.ts'
import { checkSignedCommits } from '../../preflight/signed-commits.ts'
import { checkInstancesStay } from '../../preflight/terminating.ts'
import { apiChanges } from './checks/api-versions.ts'
import { checkChain } from './checks/chain.ts'
import { judgeHealth, readyOf, settledHealth } from './checks/health.ts'
import { checkChart } from './checks/operator-chart.ts'
import { checkCanPush, checkPlace } from './checks/version-place.ts'
import { upgradeRights } from './checks/rights.ts'
import { checkVersions } from './checks/versions.ts'
import { type LocatedFlux, locateFlux } from './locate.ts'
import { operatorOf, type RunningOperator } from './running-operator.ts'
import { readRunning, type RunningFlux, runningVersions } from './running-flux.ts'
import { type PlaceInGit, readPlace } from './place-in-git.ts'
import type { UpgradeRequest, UpgradeInputs } from './prepare.ts'
import type { UpgradeState } from './state.ts'
import { staleObjects } from './steps/migrate-apis.ts'
import { apiFindings, leaving, nothingDone, suspendedFinding, versionNotes, type Versions } from './version-notes.ts'

const versionSchema = v.object({ gitVersion: v.string() })

/**
 * Checks all that could block another version of a Flux that any repository says, at whatever place.
 * @throws OperatorError `blocked` with every finding, not just the first
 */
export async function preparePlace(session: Session, target: Target, asked: UpgradeRequest): Promise<UpgradeInputs> {
  const { cluster, tools } = session
  const folder = session.folder()
  const preflight = createPreflight(cluster.signal)
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const read = await preflight.learn(() => readPlaceAndFlux(session, target, asked))
  if (read === undefined) throw preflight.blocked()
  const { located, operator, git, from, to, running } = read
  const { instance: live } = located
  const { place, folders } = located
  const { source } = refsIn(place)
  const { commit, remote, at, files } = git
  const lines = linesAt(git, { from, to })

  const { artifact, distribution, components } = running
  const all = await listControllerCrds(cluster)
  const crds = live === undefined ? all : changedWith(live, all)
  const changes = distribution === undefined ? undefined : apiChanges(crds, distribution, to.flux)
  const objects = await listFluxObjects(cluster, crds)
  const stale = changes === undefined ? [] : staleObjects(objects, crds, changes.removedVersions)
  const behind = await preflight.learn(() => checkBehindHead(cluster, { source, remote, commit, folders }, folder))
  await preflight.check(
    () => checkPrograms(tools, { kubernetes: gitVersion, flux: to.flux, insecure: false }),
    () => checkKubernetesVersion(gitVersion, to.flux),
    () => checkRights(cluster, upgradeRights(place.namespace, asked.lockNamespace, asked.checksImages)),
    () => checkVersions({ from, to, distribution, artifact, isBack: asked.isBack, where: target.where }),
    () => (to.operator === from.operator || operator.url === '' ? [] : checkChart(session, { operator }, to.operator)),
    () => [...checkPlace(at, artifact, { from, to }), ...checkCanPush(remote)],
    async () => checkInstancesStay(await cluster.list(fluxKinds.fluxInstance), target.where),
    async () => checkSignedCommits(cluster, await cluster.get(source), { remote, folder, branch: asked.branch }),
    () => (live !== undefined && isSuspended(live) ? [suspendedFinding(live, target.where)] : []),
    () => checkChain(cluster, place, to.operator !== from.operator),
    async () => judgeHealth(await settledHealth(session, place, asked.isForced), asked.isForced),
    () => behind ?? [],
    () => apiFindings({ ...asked, crds, changes, stale, to: to.flux, files: asked.isBack ? [] : files, folder: '.' }),
  )
  const notices = preflight.conclude()
  const notes: UpgradeState = {
    from,
    to,
    place: { ...place, kustomizations: [...place.kustomizations] },
    stands: { url: remote.url, ref: remote.ref, at: { ...at, path: [...at.path] } },
    ...lines,
    ...running.former,
    ready: readyOf(objects),
    isBehind: (behind ?? []).length > 0,
    ...versionNotes(asked, to.flux, { components, crds, distribution, changes }),
    ...nothingDone,
  }
  return { commit, notes, notices }
}

/** What runs, what it is to come to, and where Git says so. */
interface PlaceAndFlux {
  readonly located: LocatedFlux
  readonly operator: RunningOperator
  readonly running: RunningFlux
  readonly git: PlaceInGit
  readonly from: Versions
  readonly to: Versions
}

async function readPlaceAndFlux(session: Session, target: Target, asked: UpgradeRequest): Promise<PlaceAndFlux> {
  if (asked.flux !== undefined && asked.operator !== undefined) {
    throw new OperatorError('Flux and its operator have separate places in this repository: change one after the other', {
      kind: 'blocked',
      remedy: `npx zx scripts/upgrade.ts ${target.where} --operator ${asked.operator}; then npx zx scripts/upgrade.ts ${target.where} --to ${asked.flux}`,
    })
  }
  const { cluster } = session
  const of = asked.operator === undefined ? 'flux' : 'operator'
  const located = await locateFlux(cluster, of, target.where)
  const operator = await operatorOf(cluster, refsIn(located.place).operatorRelease)
  const { runs: flux, wanted } = runningVersions(located)
  const runs = { flux, operator: operator.version }
  const to = { flux: asked.flux ?? runs.flux, operator: asked.operator ?? runs.operator }
  const git = await readPlace(session, target, located, { of, version: to[of] })
  const from = { ...runs, flux: asked.isBack ? leaving(to.flux, flux, wanted, git.at.says) : flux }
  const running = await readRunning(session, located, git, { from, to, isBack: asked.isBack, operator: operator.version })
  return { located, operator, running, git, from, to }
}

/** What is to stand at the place before and after; nothing where that is so already. */
function linesAt(
  { at, name }: Pick<PlaceInGit, 'at' | 'name'>,
  { from, to }: { readonly from: Versions; readonly to: Versions },
): Pick<UpgradeState, 'before' | 'after'> {
  const [old, wanted] = [from[at.of], to[at.of]]
  const isSo = (version: string): boolean => at.says === version || at.says.startsWith(`${version}@`)
  if (old === wanted && isSo(wanted)) return { before: {}, after: {} }
  // A digest that stands there too is restored with its tag.
  return { before: { [name]: isSo(old) ? at.says : old }, after: { [name]: wanted } }
}
