import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { type KubeObject, kinds } from '../../kubernetes/objects.ts'
import { headOf } from '../../tools/git.ts'
import { renderChart } from '../../desired-state/render-chart.ts'
import { checkApiServices } from '../../preflight/api-services.ts'
import { installRights, takeOverRights } from '../../preflight/install-rights.ts'
import { checkDistribution } from '../../preflight/distribution.ts'
import { checkDrift } from './checks/drift.ts'
import { blocks, type Check, createPreflight, type Finding } from '../../preflight/preflight.ts'
import { listFluxCrds } from '../../flux/crds.ts'
import { checkBehind, checkLabPushed, checkPushed } from '../../preflight/git-state.ts'
import { checkKubernetesVersion } from '../../preflight/kubernetes-version.ts'
import { checkLeftovers } from './checks/leftovers.ts'
import { once } from '../../base/once.ts'
import { checkFollowed, judgeFlux } from './checks/other-installations.ts'
import { type FluxThere, readFlux } from '../../flux/installations.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { checkPrograms } from '../../preflight/programs.ts'
import { checkRights } from '../../preflight/rights.ts'
import { checkSecrets } from './checks/secrets-present.ts'
import { checkSopsKey, type KeyOf } from './checks/sops-key.ts'
import { checkPendingDeletions } from '../../preflight/pending-deletions.ts'
import { checkCrdsStay, checkInstancesStay, checkNamespaceStays } from '../../preflight/terminating.ts'
import { checkWebhooks } from '../../preflight/webhooks.ts'
import type { Session } from '../../connection/session.ts'
import { labTreeRoot, projectRoot } from '../../base/paths.ts'
import { manifestOf } from '../../kubernetes/manifest.ts'
import { buildTree, fetchTree, type Tree } from '../../desired-state/tree.ts'
import { type Chart } from '../../desired-state/chart.ts'
import { findAgeKey } from './age-keys.ts'
import { openStack, type Stack } from './pulumi-stack.ts'
import { fetchOtherTree } from './other-tree.ts'
import { findSecrets } from './secrets.ts'
import { checkNotTakenOver, onlyMissing, readTakeOver, type TakeOver } from './take-over/take-over.ts'
import type { BootstrapRequest, BootstrapInputs } from './inputs.ts'

const versionSchema = v.object({ gitVersion: v.string() })

/**
 * Bootstrap's preflight: reads Git, renders the charts, finds the secrets, and checks everything else that could block the run.
 * @throws OperatorError `blocked` with every finding, not just the first
 */
export async function prepareBootstrap(session: Session, wanted: BootstrapRequest): Promise<BootstrapInputs> {
  const { tools, cluster } = session
  const folder = session.folder()
  const { settings, redactor, rebuild } = wanted
  const { signal } = cluster
  const checkout = join(folder, 'tree')
  await mkdir(checkout)
  const { gitVersion } = v.parse(versionSchema, await cluster.read('/version'))
  const preflight = createPreflight(signal)

  const fetched = await preflight.learn(() => fetchWanted(wanted, checkout, tools.kubectl, signal))
  const tree = fetched ?? (await treeOfCheckout(wanted, tools.kubectl))
  if (tree === undefined) throw preflight.blocked()

  const render = (chart: Chart): Promise<KubeObject[] | undefined> => preflight.learn(() => renderChart(session, chart, gitVersion))
  const { plainInstance } = tree
  const flux = once(() => readFlux(cluster))
  const rendering = Promise.all([render(tree.operator), plainInstance === undefined ? render(tree.instance) : [plainInstance]])
  const rendered = async (): Promise<KubeObject[]> => (await rendering).flatMap((objects) => objects ?? [])
  const taking = preflight.learn(() => takeOverOf(session, wanted, { tree, checkout, flux }))
  const bringing = preflight.learn(async () => {
    const found = await findSecrets(session, wanted, tree)
    return (await taking) === undefined ? found : onlyMissing(cluster, found)
  })
  const crds = once(() => listFluxCrds(cluster))
  const { namespace, distribution, operator } = tree
  const checksOfGit = (): Check[] => [
    () => checkFollowable(tree, checkout),
    () => checkBehind(cluster, tree, folder),
    () => checkHere(tree, wanted, checkout, signal),
    () => checkSopsKey(tree, checkout, keyOf),
  ]
  const keyOf: KeyOf = async (secret) =>
    (await findAgeKey(cluster, tree, secret, (await bringing) ?? [], redactor)) ?? (comesBack(secret) ? 'later' : undefined)
  const comesBack = (secret: string): boolean => rebuild?.comesBack({ ...kinds.secret, namespace, name: secret }) === true
  const checking = preflight.check(
    () => checkPrograms(tools, { kubernetes: gitVersion, flux: distribution.version, insecure: operator.insecure }),
    () => checkKubernetesVersion(gitVersion, distribution.version),
    async () => {
      const rights = installRights(namespace, settings.LOCK_NAMESPACE ?? 'kube-system', await rendered())
      return checkRights(cluster, (await taking) === undefined ? rights : [...rights, ...takeOverRights(namespace)])
    },
    ...(rebuild === undefined ? checksOfWhatStays(cluster, { tree, wanted, flux, crds, taking }) : []),
    () => checkApiServices(cluster, 'notice'),
    async () => checkWebhooks(cluster, [manifestOf({ ...kinds.namespace, name: namespace }), ...(await rendered())]),
    () => checkDistribution(tree, session.registry, signal),
    async () => checkSecrets(cluster, tree, (await bringing) ?? [], comesBack),
    async () => checkDrift(cluster, tree, await rendered()),
    ...(fetched === undefined ? [] : checksOfGit()),
  )
  const [[operatorObjects, instanceObjects], secrets, takeOver] = await Promise.all([rendering, bringing, taking, checking])
  const notices = preflight.conclude()
  if (operatorObjects === undefined || instanceObjects === undefined || secrets === undefined) throw preflight.blocked()
  return { tree, operatorObjects, instanceObjects, secrets, notices, ...(takeOver === undefined ? {} : { takeOver }) }
}

/** What is checked of a Flux that is there already. */
interface FluxToCheck {
  readonly tree: Tree
  readonly wanted: BootstrapRequest
  readonly flux: () => Promise<FluxThere>
  readonly crds: () => Promise<readonly KubeObject[]>
  readonly taking: Promise<TakeOver | undefined>
}

/** What may block a Flux that is there; a rebuild takes that down itself. */
function checksOfWhatStays(cluster: Cluster, { tree, wanted, flux, crds, taking }: FluxToCheck): Check[] {
  const { namespace } = tree
  const { where } = wanted
  return [
    () => checkNamespaceStays(cluster, namespace, where),
    async () => checkInstancesStay((await flux()).instances, where),
    async () => checkPendingDeletions(cluster, await flux(), namespace),
    async () => checkCrdsStay(cluster, await crds()),
    async () => judgeFlux(await flux(), namespace),
    async () => (await taking)?.findings ?? checkForeign(cluster, wanted, await flux(), namespace),
    async () => checkLeftovers(cluster, await crds(), await flux()),
    () => checkFollowed(cluster, tree),
  ]
}

async function takeOverOf(
  session: Session,
  { takeOver: request, settings }: BootstrapRequest,
  { tree, checkout, flux }: { readonly tree: Tree; readonly checkout: string; readonly flux: () => Promise<FluxThere> },
): Promise<TakeOver | undefined> {
  if (request === undefined || request === 'expected' || !request.isAsked) return undefined
  const stack = async (): Promise<Stack | undefined> => (settings.PULUMI_STACK === undefined ? undefined : openStack(session, settings))
  return readTakeOver(session.cluster, await flux(), { tree, checkout, request, openStack: stack, uid: session.uid })
}

/** A Flux of another program's that nobody asked to take over; what a take-over was asked for finds, it judges itself. */
async function checkForeign(
  cluster: Cluster,
  { takeOver: request, where }: BootstrapRequest,
  there: FluxThere,
  namespace: string,
): Promise<Finding[]> {
  if (request === 'expected' || request?.isAsked === true) return []
  return checkNotTakenOver(cluster, there, namespace, request?.command ?? `npx zx scripts/bootstrap.ts ${where} --take-over`)
}

function fetchWanted({ remote, cluster, path }: BootstrapRequest, folder: string, kubectl: string, signal: AbortSignal): Promise<Tree> {
  if (path === undefined) return fetchTree(remote, cluster, folder, kubectl, signal)
  return fetchOtherTree(remote, { path, folder, kubectl }, signal)
}

/** Where Git can't be read, the person's own checkout shows which charts to ask the registry for: all findings at once. */
async function treeOfCheckout({ remote, cluster, path, overrides }: BootstrapRequest, kubectl: string): Promise<Tree | undefined> {
  if (path !== undefined) return undefined // it is read already, and not by this project's layout
  return buildTree(remote, 'this checkout', cluster, projectRoot, kubectl, overrides).catch(() => undefined)
}

/** What is here, and not in Git, which is all that a run uses. */
async function checkHere(tree: Tree, { isLab, overrides }: BootstrapRequest, checkout: string, signal: AbortSignal): Promise<Finding[]> {
  if (tree.isOther === true) return isLab ? [] : checkPushed(process.cwd(), tree, signal, '.')
  return isLab ? checkLabPushed(labTreeRoot(), checkout, overrides) : checkPushed(projectRoot, tree, signal)
}

/** Flux will follow what the FluxInstance says: it must be what was read here, and be there. */
async function checkFollowable(tree: Tree, checkout: string): Promise<Finding[]> {
  const { sync, remote, commit, cluster, isOther } = tree
  const at = commit.slice(0, 12)
  const found: Finding[] = []
  if (sync.url !== remote.url) {
    const settings = isOther === true ? `the FluxInstance of ${cluster}` : `kubernetes/clusters/${cluster}/settings.yaml`
    const what = `Flux would follow ${sync.url}, as ${settings} at ${at} says, but this run read ${remote.url}`
    found.push(
      blocks(what, `make ${isOther === true ? 'the url of its sync' : `git_url in ${settings}`} the same here and in Git, and push`),
    )
  }
  if (sync.ref !== remote.ref) await headOf({ ...remote, ref: sync.ref })
  const isFolder = await stat(join(checkout, sync.path)).then(
    (entry) => entry.isDirectory(),
    () => false,
  )
  if (!isFolder) {
    const sayer =
      tree.plainInstance === undefined ? `instance.sync.path of HelmRelease ${tree.instance.name}` : 'sync.path of the FluxInstance'
    const remedy = `fix ${sayer}, push, and run again`
    found.push(blocks(`${remote.url} has no folder ${sync.path} at ${at}, which Flux would follow`, remedy))
  }
  return found
}
