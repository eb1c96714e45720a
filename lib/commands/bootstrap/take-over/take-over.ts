import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { yamlValue } from '../../../base/yaml.ts'
import { shellQuote } from '../../../base/shell-line.ts'
import { foundWithin } from '../../../desired-state/found-within.ts'
import type { Tree } from '../../../desired-state/tree.ts'
import { componentsFile, syncFile } from '../../../flux/bootstrap-files.ts'
import { listFluxCrds } from '../../../flux/crds.ts'
import type { FluxThere } from '../../../flux/installations.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { appLabels, isMadeByOperator, operatorName } from '../../../flux/labels.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import type { Finding } from '../../../preflight/preflight.ts'
import { notice } from '../../../preflight/preflight.ts'
import type { DocumentFields } from '../../../runner/report.ts'
import type { Step } from '../../../runner/step.ts'
import { judgeStackState } from '../checks/stack-state.ts'
import type { StackState } from '../pulumi-output.ts'
import type { Stack } from '../pulumi-stack.ts'
import type { WantedSecret } from '../secrets.ts'
import { ensureStackForgotten, ensureStackLeftoversGone, judgeStackFlux } from './forget-stack.ts'
import { judgeOrigin, refuseTakeOver } from './judge-origin.ts'
import { foreignControllers, type FluxOrigin, readOrigin } from './origin.ts'
import { surviving } from './report.ts'
import type { TakeOverRequest } from './request.ts'
import { ensureReleaseForgotten, ensureReplaced } from './retire.ts'
import { ensureFieldsHandedOver, handoverToOperator, recordIdentities, verifyIdentities } from './steps.ts'

/** The steps by which a Flux passes from what installed it to the operator, around those that install. */
export interface TakeOver {
  /** Before the operator is installed. */
  readonly record: readonly Step[]
  /** Before the operator makes the controllers its own. */
  readonly replace: readonly Step[]
  /** Once it has, and follows Git. */
  readonly prove: readonly Step[]
  /** Last of all. */
  readonly forget: readonly Step[]
  readonly findings: readonly Finding[]
  readonly report: () => DocumentFields
  /** What is left to do in Git, and in the cluster. */
  readonly next: readonly string[]
}

/**
 * Refuses to touch a Flux of another program's where nobody asked to take it over. One whose controllers run in another namespace is judged
 * elsewhere.
 */
export async function checkNotTakenOver(cluster: Cluster, there: FluxThere, namespace: string, command: string): Promise<Finding[]> {
  if (foreignControllers(there, namespace).length === 0) return []
  const origin = await readOrigin(cluster, there, namespace)
  return origin === undefined ? [] : [refuseTakeOver(origin, namespace, command)]
}

/** What a take-over is judged by. */
interface TakeOverInputs {
  readonly tree: Tree
  /** The repository, checked out at the tree's commit. */
  readonly checkout: string
  readonly request: TakeOverRequest
  /** The Pulumi stack that the settings name; undefined where they name none. */
  readonly openStack: () => Promise<Stack | undefined>
  /** Of kube-system. */
  readonly uid: string
}

/** Checks a Flux that is to be taken over; undefined where there is none, and this run has begun with none. */
export async function readTakeOver(
  cluster: Cluster,
  there: FluxThere,
  { tree, checkout, request, openStack, uid }: TakeOverInputs,
): Promise<TakeOver | undefined> {
  const { namespace, syncName } = tree
  const origin = await readOrigin(cluster, there, namespace)
  if (origin === undefined && !request.hasBegun) return undefined
  const stack = origin?.installedBy === 'pulumi' || request.formerOwner === 'pulumi' ? await openStack() : undefined
  const state = await stack?.readState()
  const [source, root, crds] = await Promise.all([
    cluster.get({ ...fluxKinds.gitRepository, namespace, name: syncName }),
    cluster.get({ ...fluxKinds.kustomization, namespace, name: syncName }),
    listFluxCrds(cluster),
  ])
  const sync = [source, root].flatMap((one) => (one === undefined || isMadeByOperator(one) ? [] : [one]))
  const proof = verifyIdentities(namespace, taker)
  const manifests = await readManifests(tree, checkout)
  return {
    record: [
      recordIdentities(namespace, taker, origin === undefined ? undefined : handoverToOperator(origin, { crds: crds.length, sync })),
    ],
    replace: origin?.together === undefined ? [] : [ensureReplaced(origin.together)],
    prove: [ensureFieldsHandedOver(namespace), ...(stack === undefined ? [] : [ensureStackLeftoversGone(stack)]), proof],
    forget: [
      ...(origin?.release === undefined ? [] : [ensureReleaseForgotten(origin.release)]),
      ...(stack === undefined ? [] : [ensureStackForgotten(stack)]),
    ],
    findings: [
      ...(origin === undefined ? [] : judgeOrigin(origin, tree, root, stack !== undefined)),
      ...judgePatches(manifests),
      ...(stack === undefined || state === undefined ? [] : await checkStack(stack, state, { uid, hasBegun: request.hasBegun })),
    ],
    report: () => surviving(proof),
    next: [
      ...nextOf(origin, manifests, namespace),
      ...(stack === undefined || state?.flux.components.length === 0 ? [] : [nextOfStack(stack)]),
    ],
  }
}

/** Who takes over. */
const taker = operatorName

/** The stack has to be this cluster's, and idle, for Flux to be removed from its state. */
async function checkStack(
  stack: Stack,
  state: StackState,
  { uid, hasBegun }: { readonly uid: string; readonly hasBegun: boolean },
): Promise<Finding[]> {
  const about = { cluster: uid, isOwnWork: false }
  return [...judgeStackState(stack, state, await stack.readLocks(), about), ...judgeStackFlux(stack, state, hasBegun)]
}

function nextOfStack({ folder }: Stack): string {
  return `  remove FluxBootstrap from the program in ${shellQuote(folder)} before the next pulumi up, which would take Flux over again`
}

/** Flux's own manifests that are still in Git, as `flux bootstrap` writes them. */
interface BootstrapManifests {
  /** From the top of the repository. */
  readonly folder: string
  /** How many patches there are of them. */
  readonly patches: number
  /** Whether there is nothing else in the folder. */
  readonly isAll: boolean
}

const written: readonly string[] = [componentsFile, syncFile, 'kustomization.yaml']

async function readManifests({ sync, namespace }: Tree, checkout: string): Promise<BootstrapManifests | undefined> {
  const folder = posix.join(posix.normalize(sync.path), namespace)
  if ((await foundWithin(checkout, posix.join(folder, componentsFile))) !== 'file') return undefined
  const kustomization = posix.join(folder, 'kustomization.yaml')
  const text = (await foundWithin(checkout, kustomization)) === 'file' ? await readFile(join(checkout, kustomization), 'utf8') : ''
  const read: unknown = yamlValue(text)
  const lists = typeof read === 'object' && read !== null ? Object.entries(read).filter(([key]) => key.startsWith('patches')) : []
  const patches = lists.reduce((count, [, list]: [string, unknown]) => count + (Array.isArray(list) ? list.length : 0), 0)
  return { folder, patches, isAll: (await readdir(join(checkout, folder))).every((name) => written.includes(name)) }
}

/** The operator makes the controllers from its own manifests: what patches of others changed of them is not carried over. */
function judgePatches(manifests: BootstrapManifests | undefined): Finding[] {
  if (manifests === undefined || manifests.patches === 0) return []
  const { folder, patches } = manifests
  return [
    notice(
      `${folder}/kustomization.yaml patches Flux's manifests (${patches}), and the operator applies none of that`,
      'make sure that spec.kustomize.patches of the FluxInstance (instance.kustomize.patches of its chart) has the same',
    ),
  ]
}

function nextOf(origin: FluxOrigin | undefined, manifests: BootstrapManifests | undefined, namespace: string): string[] {
  const inGit = manifests === undefined ? [] : [`  ${removalOf(manifests)}, commit and push: the operator keeps what they say`]
  const name = origin?.together?.metadata.name
  const inCluster =
    name === undefined
      ? []
      : [
          `  kubectl --namespace ${namespace} delete serviceaccounts,resourcequotas,persistentvolumeclaims,clusterroles,clusterrolebindings --selector ${appLabels.name}=${name},${appLabels.managedBy}!=${operatorName}   # what it no longer needs`,
        ]
  return [...inGit, ...inCluster]
}

function removalOf({ folder, isAll }: BootstrapManifests): string {
  if (isAll) return `git rm -r ${shellQuote(folder)}   # in a checkout of the repository`
  const files = [componentsFile, syncFile].map((name) => shellQuote(`${folder}/${name}`))
  return `git rm ${files.join(' ')}   # in a checkout of the repository; remove their lines from ${shellQuote(`${folder}/kustomization.yaml`)}`
}

/** Without those that are there already: who has installed Flux has given it its logins. */
export async function onlyMissing(cluster: Pick<Cluster, 'get'>, secrets: readonly WantedSecret[]): Promise<WantedSecret[]> {
  const found = await Promise.all(
    secrets.map(async (secret) => {
      const live = await cluster.get({ apiVersion: 'v1', kind: 'Secret', namespace: secret.namespace, name: secret.name })
      return live === undefined ? [secret] : []
    }),
  )
  return found.flat()
}
