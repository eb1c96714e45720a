import { type OwnedObject, findOwnedObjects, findOrphanedBindings } from '../../ownership/owned-objects.ts'
import { readHeldObjects } from '../../flux/held-objects.ts'
import { withoutCommon } from '../../ownership/common-objects.ts'
import { readNamespace } from '../../ownership/namespace-content.ts'
import { carries } from '../../capture/capture.ts'
import { captureFlags } from '../../capture/keys.ts'
import { kinds, type KubeObject, nameOf } from '../../kubernetes/objects.ts'
import type { Flags } from '../../terminal/flags.ts'
import type { PrepareContext } from '../../runner/run-change.ts'
import { checkApiServices } from '../../preflight/api-services.ts'
import { checkDeletable } from './checks/deletable.ts'
import { blocks, createPreflight, type Finding, notice, type Preflight } from '../../preflight/preflight.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { listCrds } from '../../flux/crds.ts'
import { judgeContent, judgeUnseen } from './checks/foreign-content.ts'
import { judgeFinalizers, judgeNamespaceFinalizers } from './checks/foreign-finalizers.ts'
import { judgeOneFlux, namespaceOfFlux } from './checks/one-flux.ts'
import { readFlux } from '../../flux/installations.ts'
import { checkOwnedByFlux } from './checks/owned-by-flux.ts'
import { checkRights } from '../../preflight/rights.ts'
import { teardownRights } from './checks/rights.ts'
import { readComesBack } from './comes-back.ts'
import { recordTeardown, readTeardownState } from './state.ts'
import { planCapture, type PlannedCapture } from './capture-plan.ts'

export const teardownFlags = {
  'keep-namespace': { type: 'boolean', help: "keep Flux's namespace and the objects in it that are not Flux's" },
  ...captureFlags,
} as const satisfies Flags

/** All that is to be known before Flux is taken down. */
export interface TeardownInputs {
  /** Flux's own. */
  readonly namespace: string
  readonly keepsNamespace: boolean
  /** What is proven to be Flux's, beside its CustomResourceDefinitions and their objects. */
  readonly ownedObjects: readonly OwnedObject[]
  /** That there is no Flux, and nothing of it left. */
  readonly isGone: boolean
  /** What to capture; undefined where there is nothing, or it was captured before this run was interrupted. */
  readonly capture: PlannedCapture | undefined
  readonly notices: readonly string[]
}

/**
 * Teardown's preflight: what there is of Flux, whose else would suffer, and whether this person may do it.
 * @throws OperatorError `blocked` with every finding
 */
export async function prepareTeardown(surroundings: PrepareContext<typeof teardownFlags>): Promise<TeardownInputs> {
  const { session, settings, own: flags, memory } = surroundings
  const { cluster } = session
  const keepsNamespace = flags['keep-namespace'] === true
  const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
  const notes = readTeardownState(memory)
  const preflight = createPreflight(cluster.signal)
  const silent = await findSilentApis(preflight, cluster, keepsNamespace)
  const there = await preflight.learn(() => readFlux(cluster))
  const crds = await preflight.learn(() => listCrds(cluster))
  if (there === undefined || crds === undefined) throw preflight.blocked()
  const namespace = notes.namespace ?? namespaceOfFlux(there)
  const [live, objects, proven] = await Promise.all([
    preflight.learn(() => cluster.get({ ...kinds.namespace, name: namespace })),
    preflight.learn(() => readHeldObjects(cluster)),
    preflight.learn(() => findOwnedObjects(cluster, namespace, there, crds.flux)),
  ])
  const ownedObjects = merged(notes.belongings ?? [], proven ?? [])
  const content =
    live === undefined ? { flux: [], others: [], unseen: [] } : await preflight.learn(() => readNamespace(cluster, namespace, ownedObjects))
  const others = await preflight.learn(() => withoutCommon(cluster, namespace, content?.others ?? []))
  const own = content?.flux ?? []
  const all = merged(ownedObjects, keepsNamespace ? own : [])
  const deployments = [...there.controllers, ...there.operators]
  const toDelete = {
    crds: crds.flux,
    namespace: keepsNamespace ? undefined : live,
    ownedObjects: all.filter(({ ref }) => ref.namespace === undefined || keepsNamespace),
    held: objects?.held ?? [],
    deployments,
  }
  const isPast = notes.passedReturn !== undefined
  const isGone =
    crds.flux.length === 0 && deployments.length === 0 && toDelete.ownedObjects.length === 0 && (keepsNamespace || live === undefined)
  const capture = isPast || isGone ? undefined : await planCapture(surroundings, namespace, preflight)
  await preflight.check(
    () => checkRights(cluster, teardownRights(namespace, lockNamespace, keepsNamespace)),
    () => silent,
    () => judgeUnseen(content?.unseen ?? [], namespace, keepsNamespace),
    () => judgeOneFlux(there, namespace),
    () => judgeFinalizers(objects?.held ?? [], crds.flux),
    () => judgeNamespaceFinalizers(keepsNamespace ? undefined : live, isPast),
    () => (isPast ? [] : checkOwnedByFlux(cluster)),
    () =>
      keepsNamespace || isPast ? [] : judgeContent(others ?? [], live, (ref) => capture === undefined || carries(capture.collected, ref)),
    () => judgeLock(lockNamespace, namespace, keepsNamespace),
    () => checkDeletable(cluster, toDelete),
    async () => judgeLeftAlone(crds.foreign, await findOrphanedBindings(cluster, namespace, all)),
  )
  const comesBack = notes.comesBack ?? (isGone ? undefined : await preflight.learn(() => readComesBack(surroundings, there)))
  const notices = [
    ...preflight.conclude(),
    ...(comesBack?.keepFirst === undefined
      ? []
      : [`the values of a Helm release are deleted with it; save them first: ${comesBack.keepFirst}`]),
  ]
  if (comesBack !== undefined) recordTeardown(memory, { comesBack })
  return { namespace, keepsNamespace, ownedObjects: all, isGone, capture, notices }
}

/**
 * First, and by itself: what an API that does not answer holds cannot be read, and would be waited for.
 * @throws OperatorError `blocked` where the namespace is to go, which it could not
 */
async function findSilentApis(preflight: Preflight, cluster: Cluster, keepsNamespace: boolean): Promise<readonly Finding[]> {
  const silent = (await preflight.learn(() => checkApiServices(cluster, keepsNamespace ? 'notice' : 'blocks'))) ?? []
  if (!silent.some(({ is }) => is === 'blocks')) return silent
  await preflight.check(() => silent)
  throw preflight.blocked()
}

/** What was noted first: proofs vanish with what is deleted. */
function merged(noted: readonly OwnedObject[], found: readonly OwnedObject[]): OwnedObject[] {
  return [...new Map([...noted, ...found].map((one) => [one.uid, one])).values()]
}

function judgeLock(lockNamespace: string, namespace: string, keepsNamespace: boolean): Finding[] {
  if (lockNamespace !== namespace || keepsNamespace) return []
  return [
    blocks(
      `LOCK_NAMESPACE is ${namespace}, which a teardown deletes, and the lock with it`,
      'name another namespace in LOCK_NAMESPACE (.env.example), or keep this one with --keep-namespace',
    ),
  ]
}

function judgeLeftAlone(crds: readonly KubeObject[], bindings: readonly string[]): Finding[] {
  const names = crds.map(({ metadata: { name } }) => nameOf({ ...kinds.crd, name }))
  return [
    ...(names.length === 0 ? [] : [notice(`not deleted, because they are not Flux's: ${names.join(', ')}`)]),
    ...(bindings.length === 0 ? [] : [notice(`not deleted, although they name ServiceAccounts that will be: ${bindings.join(', ')}`)]),
  ]
}
