import * as v from 'valibot'
import { inParallel } from '../../base/parallel.ts'
import { isFluxKind } from '../../flux/api-groups.ts'
import { managersOf } from '../../flux/field-managers.ts'
import { foreignManagersOf } from '../../flux/field-owners.ts'
import { inventoryOf } from '../../flux/inventory.ts'
import { deletionOf, type Kind, kindArgument, kinds, type KubeObject, nameOf, type Ref } from '../../kubernetes/objects.ts'
import { accountsOf } from '../../ownership/known-names.ts'
import type { Part, PartKeeper } from '../part.ts'
import { hasOwnProbe, isKept, partsOf, saysDeletion } from '../parts.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'
import type { Snapshot } from '../snapshot.ts'
import { findStalePods } from '../stale-tokens.ts'

const rbac = 'rbac.authorization.k8s.io'
const roleSchema = v.object({ rules: v.nullish(v.array(v.unknown()), []), aggregationRule: v.nullish(v.unknown()) })
const bindingSchema = v.object({ subjects: v.nullish(v.array(v.unknown()), []) })

/** Every object that this Flux consists of is there and stays; roles have rules, bindings name accounts that are there. */
export const inventory: Probe = {
  id: 'inventory',
  title: 'Installed objects',
  async check(snapshot) {
    readSoon(snapshot).catch(() => undefined) // read again below, where a failure counts
    const [parts, { byName }, stale] = await Promise.all([partsOf(snapshot), snapshot.objects(), staleTokens(snapshot)])
    const read = await inParallel(parts, 16, async (part): Promise<PartState> => {
      if (part.fault !== undefined) return { part, fail: faulty(part, part.fault, snapshot), warn: undefined }
      if (!isFluxKind(part.ref)) return checkObject(part, snapshot)
      const known = byName.get(nameOf(part.ref))
      if (hasOwnProbe(part.ref) || (known !== undefined && known.deletedAt === undefined)) return { part, fail: undefined, warn: undefined }
      const live = known === undefined ? undefined : await snapshot.metadata(part.ref)
      return { part, fail: live === undefined ? gone(part, snapshot) : deleted(part, live, snapshot), warn: undefined }
    })
    const fails = [...read.flatMap(({ fail }) => fail ?? []), ...stale]
    const warns = read.flatMap(({ warn }) => warn ?? [])
    const detail = fails.length === 0 ? `all ${parts.length} exist` : `${fails.length} of ${parts.length} missing, or not working`
    return foundAmong(detail, fails, warns)
  },
}

/** What the FluxInstance names is read while the server lists the objects of Flux, which takes longer; what else there is, those tell. */
async function readSoon(snapshot: Snapshot): Promise<void> {
  const [instance] = await Promise.all([snapshot.instance(), snapshot.crds()])
  if (instance === undefined) return
  const refs = inventoryOf(instance).filter((ref) => !isFluxKind(ref))
  await Promise.all(refs.map((ref) => readPart(ref, snapshot)))
}

async function staleTokens(snapshot: Snapshot): Promise<Trouble[]> {
  const { kubectl, pods } = snapshot
  return (await findStalePods(snapshot, await pods())).map(({ ref, account, since }) => ({
    object: nameOf(ref),
    reason: `its ServiceAccount ${account} was recreated after it started: the API refuses its token (Unauthorized)`,
    since,
    next: `${kubectl} --namespace ${ref.namespace} delete pod ${ref.name}`,
    damage: 'stale-token',
  }))
}

/** What this probe reads of it: of a role or a binding all, of anything else who wrote to it. Others have read some of it. */
async function readPart(ref: Ref, snapshot: Snapshot): Promise<KubeObject | undefined> {
  if (ref.apiVersion.startsWith(`${rbac}/`)) return snapshot.get(ref)
  const isSuch = ({ apiVersion, kind }: Kind): boolean => ref.apiVersion === apiVersion && ref.kind === kind
  const read = isSuch(kinds.crd) ? await snapshot.crds() : isSuch(kinds.deployment) ? await snapshot.deployments() : []
  const known = read.find(({ metadata }) => metadata.name === ref.name && (metadata.namespace ?? ref.namespace) === ref.namespace)
  return known ?? snapshot.metadata(ref)
}

interface PartState {
  readonly part: Part
  readonly fail: Trouble | undefined
  readonly warn: Trouble | undefined
}

async function checkObject(part: Part, snapshot: Snapshot): Promise<PartState> {
  const isRbac = part.ref.apiVersion.startsWith(`${rbac}/`)
  const live = await readPart(part.ref, snapshot)
  if (live === undefined) return { part, fail: hasOwnProbe(part.ref) ? undefined : gone(part, snapshot), warn: undefined }
  const fail = saysDeletion(part.ref) ? undefined : deleted(part, live, snapshot)
  if (fail !== undefined) return { part, fail, warn: undefined }
  const empty = isRbac ? await emptied(live, snapshot) : undefined
  if (empty !== undefined) return { part, fail: { ...about(part, snapshot, live), reason: empty, damage: 'part-emptied' }, warn: undefined }
  return { part, fail: undefined, warn: await altered(part, live, snapshot) }
}

function gone(part: Part, snapshot: Snapshot): Trouble {
  return { ...about(part, snapshot), reason: `does not exist; ${part.by} has installed it`, damage: 'part-gone' }
}

function deleted(part: Part, live: KubeObject, snapshot: Snapshot): Trouble | undefined {
  const deletion = deletionOf(live)
  if (deletion === undefined) return undefined
  const { finalizers, deletionTimestamp: since = '' } = live.metadata
  const held = finalizers.length === 0 ? '' : `, held by its finalizer ${finalizers.join(', ')}`
  return { ...about(part, snapshot, live), reason: `${deletion}${held}; ${part.by} has installed it`, since, damage: 'part-gone' }
}

function faulty(part: Part, fault: NonNullable<Part['fault']>, { kubectl }: Snapshot): Trouble {
  return { object: nameOf(part.ref), next: restoring(part.keeper, kubectl), ...fault }
}

/** A Helm manifest may give a cluster-scoped object a namespace; the live one knows better. */
function about({ ref, keeper }: Part, { kubectl }: Snapshot, live?: KubeObject): { object: string; next: string } {
  const namespace = live === undefined ? ref.namespace : live.metadata.namespace
  const named: Ref = { apiVersion: ref.apiVersion, kind: ref.kind, name: ref.name, ...(namespace === undefined ? {} : { namespace }) }
  const at = namespace === undefined ? '' : ` --namespace ${namespace}`
  const next =
    live === undefined
      ? restoring(keeper, kubectl)
      : `${kubectl}${at} get ${kindArgument(ref)} ${ref.name} --output yaml --show-managed-fields`
  return { object: nameOf(named), next }
}

/** What a person types to have a part back, or to see why it is not. */
function restoring(keeper: PartKeeper, kubectl: string): string {
  if (keeper.is === 'person') return keeper.command
  const { ref } = keeper
  return `${kubectl} --namespace ${ref.namespace} describe ${kindArgument(ref)} ${ref.name}`
}

/** What keeps a role or a binding from giving Flux its rights; undefined where nothing does. */
async function emptied(live: KubeObject, { metadata, namespace: find }: Snapshot): Promise<string | undefined> {
  if (live.kind.endsWith('Role')) {
    const { rules, aggregationRule } = v.parse(roleSchema, live)
    return (rules ?? []).length === 0 && (aggregationRule === undefined || aggregationRule === null) ? 'has no rules' : undefined
  }
  if ((v.parse(bindingSchema, live).subjects ?? []).length === 0) return 'binds no one'
  const namespace = await find()
  const accounts = accountsOf(live, namespace)
  // Flux's own binding names the accounts of controllers that this Flux may not have.
  const there = await Promise.all(accounts.map((name) => metadata({ ...kinds.serviceAccount, namespace, name })))
  if (accounts.length > 0 && there.every((account) => account === undefined))
    return `binds only ServiceAccounts that do not exist: ${accounts.map((name) => `${namespace}/${name}`).join(', ')}`
  return undefined
}

/** People label namespaces and restart Deployments, and who installed Flux may own fields; what else someone wrote, Flux will not revert. */
async function altered(part: Part, live: KubeObject, snapshot: Snapshot): Promise<Trouble | undefined> {
  if (live.kind === kinds.namespace.kind || !isKept(live)) return undefined
  const expected = ['kubectl-rollout', 'helm', ...managersOf((await snapshot.installed()).installedBy)]
  const managers = foreignManagersOf(live).filter((manager) => !expected.includes(manager))
  if (managers.length === 0) return undefined
  return { ...about(part, snapshot, live), reason: `fields of it belong to ${managers.join(', ')}, not to Flux`, damage: 'part-altered' }
}
