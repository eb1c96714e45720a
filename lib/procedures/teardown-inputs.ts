import { type Belonging, findBelongings, findStrayBindings } from '../belongings/belongings.ts'
import { readFluxObjects } from '../belongings/flux-objects.ts'
import { readNamespace } from '../belongings/namespace-content.ts'
import { carries } from '../capture/capture.ts'
import { captureFlags } from '../capture/keys.ts'
import { kinds, type KubeObject, nameOf } from '../cluster/objects.ts'
import type { Flags } from '../flags.ts'
import type { Surroundings } from '../operate.ts'
import { checkApiServices } from '../preflight/api-services.ts'
import { checkDeletable } from '../preflight/deletable.ts'
import { blocks, createPreflight, type Finding, notice } from '../preflight/finding.ts'
import { listCrds } from '../preflight/flux-crds.ts'
import { judgeContent } from '../preflight/foreign-content.ts'
import { judgeFinalizers } from '../preflight/foreign-finalizers.ts'
import { judgeOneFlux, namespaceOfFlux } from '../preflight/one-flux.ts'
import { lookForFlux } from '../preflight/other-flux.ts'
import { checkOwnedByFlux } from '../preflight/owned-by-flux.ts'
import { checkRights } from '../preflight/rights.ts'
import { teardownRights } from '../preflight/teardown-rights.ts'
import { teardownNotes } from '../steps/teardown-notes.ts'
import { planCapture, type PlannedCapture } from './teardown-capture.ts'

export const teardownFlags = {
  'keep-namespace': { type: 'boolean', help: "keep Flux's namespace, and in it what is not Flux's" },
  ...captureFlags,
} as const satisfies Flags

/** All that is to be known before Flux is taken down. */
export interface TeardownInputs {
  /** Flux's own. */
  readonly namespace: string
  readonly keepsNamespace: boolean
  /** What is proven to be Flux's, beside its CustomResourceDefinitions and their objects. */
  readonly belongings: readonly Belonging[]
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
export async function prepareTeardown(surroundings: Surroundings<typeof teardownFlags>): Promise<TeardownInputs> {
  const { session, settings, own: flags, memory } = surroundings
  const { cluster } = session
  const keepsNamespace = flags['keep-namespace'] === true
  const lockNamespace = settings.LOCK_NAMESPACE ?? 'kube-system'
  const notes = teardownNotes(memory)
  const preflight = createPreflight(cluster.signal)
  const there = await preflight.learn(() => lookForFlux(cluster))
  const crds = await preflight.learn(() => listCrds(cluster))
  if (there === undefined || crds === undefined) throw preflight.blocked()
  const namespace = notes.namespace ?? namespaceOfFlux(there)
  const [live, objects, proven] = await Promise.all([
    preflight.learn(() => cluster.get({ ...kinds.namespace, name: namespace })),
    preflight.learn(() => readFluxObjects(cluster)),
    preflight.learn(() => findBelongings(cluster, namespace, there, crds.flux)),
  ])
  const belongings = merged(notes.belongings ?? [], proven ?? [])
  const content = live === undefined ? { flux: [], others: [] } : await preflight.learn(() => readNamespace(cluster, namespace, belongings))
  const own = content?.flux ?? []
  const all = merged(belongings, keepsNamespace ? own : [])
  const deployments = [...there.controllers, ...there.operators]
  const toDelete = {
    crds: crds.flux,
    namespace: keepsNamespace ? undefined : live,
    belongings: all.filter(({ ref }) => ref.namespace === undefined || keepsNamespace),
    held: objects?.held ?? [],
    deployments,
  }
  const isPast = notes.passedReturn !== undefined
  const isGone =
    crds.flux.length === 0 && deployments.length === 0 && toDelete.belongings.length === 0 && (keepsNamespace || live === undefined)
  const capture = isPast || isGone ? undefined : await planCapture(surroundings, namespace, preflight)
  await preflight.check(
    () => checkRights(cluster, teardownRights(namespace, lockNamespace, keepsNamespace)),
    () => checkApiServices(cluster, 'blocks'),
    () => judgeOneFlux(there, namespace),
    () => judgeFinalizers(objects?.held ?? [], crds.flux, keepsNamespace ? undefined : live),
    () => (isPast ? [] : checkOwnedByFlux(cluster)),
    () =>
      keepsNamespace || isPast
        ? []
        : judgeContent(content?.others ?? [], live, (ref) => capture === undefined || carries(capture.collected, ref)),
    () => judgeLock(lockNamespace, namespace, keepsNamespace),
    () => checkDeletable(cluster, toDelete),
    async () => judgeLeftAlone(crds.foreign, await findStrayBindings(cluster, namespace, all)),
  )
  const notices = preflight.conclude()
  return { namespace, keepsNamespace, belongings: all, isGone, capture, notices }
}

/** What was noted first: proofs vanish with what is deleted. */
function merged(noted: readonly Belonging[], found: readonly Belonging[]): Belonging[] {
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
    ...(names.length === 0 ? [] : [notice(`left alone, since they are not Flux's: ${names.join(', ')}`)]),
    ...(bindings.length === 0 ? [] : [notice(`left alone, although accounts go that they name: ${bindings.join(', ')}`)]),
  ]
}
