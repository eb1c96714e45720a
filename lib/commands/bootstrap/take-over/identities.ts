import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { putFile } from '../../../base/write-atomic.ts'
import { inParallel } from '../../../base/parallel.ts'
import { compareSurvival, type Survival } from '../../../continuity/compare.ts'
import { type Fingerprint, keepFingerprint, readFingerprint, takeFingerprint } from '../../../continuity/fingerprint.ts'
import { componentsIn } from '../../../flux/installer.ts'
import { deploymentsOf } from '../../../flux/components.ts'
import { listControllerCrds, listFluxCrds } from '../../../flux/crds.ts'
import { identityOf, inventoryOf } from '../../../flux/inventory.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { listFluxObjects } from '../../../flux/object-status.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import type { RunState } from '../../../runner/run-state.ts'

const refSchema = v.object({ apiVersion: v.string(), kind: v.string(), name: v.string(), namespace: v.exactOptional(v.string()) })
const fluxSchema = v.object({
  /** Of each object of Flux's kinds, of their CustomResourceDefinitions, and of the controllers that stay: its UID. */
  uids: v.record(v.string(), v.string()),
  /** What Kustomizations have applied. */
  applied: v.pipe(v.array(refSchema), v.readonly()),
})

/** What a take-over must leave unchanged: the workloads, the objects of Flux, and what those have applied. */
export interface Identities extends v.InferOutput<typeof fluxSchema> {
  readonly workloads: Fingerprint
}

/**
 * Reads what is there now.
 * @param isLeaving whether an object of Flux's goes with its former owner
 */
export async function readIdentities(cluster: Cluster, namespace: string, isLeaving: (ref: Ref) => boolean): Promise<Identities> {
  const [workloads, crds, controllers, objects] = await Promise.all([
    takeFingerprint(cluster, namespace),
    listFluxCrds(cluster),
    deploymentsOf(cluster, namespace, 'controllers'),
    listControllerCrds(cluster).then((all) => listFluxObjects(cluster, all)),
  ])
  const all = [...crds, ...controllers.filter((one) => componentsIn(one).length > 0), ...objects]
  const staying = all.filter((one) => !isLeaving(refOf(one)))
  const uids = Object.fromEntries(staying.map((one) => [nameOf(refOf(one)), one.metadata.uid ?? '']))
  return { workloads, uids, applied: objects.filter(isKustomization).flatMap(inventoryOf) }
}

const isKustomization = ({ kind }: KubeObject): boolean => kind === fluxKinds.kustomization.kind

/** What happened to it. */
export async function compareIdentities(cluster: Cluster, namespace: string, before: Identities): Promise<Survival> {
  const now = await readIdentities(cluster, namespace, () => false)
  const workloads = compareSurvival(before.workloads, now.workloads)
  const held = new Set(now.applied.map(identityOf))
  const dropped = before.applied.filter((ref) => !held.has(identityOf(ref)))
  return joined(workloads, before.uids, now.uids, await missingOf(cluster, dropped))
}

/**
 * All of it in one.
 * @param pruned what a Kustomization had applied, and no longer exists
 */
export function joined(workloads: Survival, before: Identities['uids'], now: Identities['uids'], pruned: readonly Ref[]): Survival {
  const names = Object.keys(before)
  const missing = [...names.filter((name) => now[name] === undefined), ...pruned.map(nameOf)]
  return {
    checked: workloads.checked + names.length,
    changed: [...workloads.changed, ...names.filter((name) => now[name] !== undefined && now[name] !== before[name])],
    missing: [...new Set([...workloads.missing, ...missing])],
    reported: workloads.reported,
  }
}

async function missingOf(cluster: Cluster, refs: readonly Ref[]): Promise<Ref[]> {
  const found = await inParallel(refs, 8, async (ref) => ((await cluster.get(ref)) === undefined ? [ref] : []))
  return found.flat()
}

const files = { workloads: 'survival.json', flux: 'taken-over.json' } as const

/** Keeps it in the run's folder, for the run that resumes this one too. */
export function keepIdentities(memory: RunState, { workloads, ...flux }: Identities, former: FormerOwner): void {
  keepFingerprint(join(memory.folder(), files.workloads), workloads)
  putFile(join(memory.folder(), files.flux), JSON.stringify(flux))
  memory.write({ takeOver: { isRecorded: true, ...former } })
}

const ownedSchema = v.object({ ref: refSchema, uid: v.string(), by: v.string() })
const formerSchema = v.object({
  /** Its field managers. */
  managers: v.pipe(v.optional(v.array(v.string()), []), v.readonly()),
  /** What it was called, where it is one that keeps a record of its own. */
  installedBy: v.optional(v.string(), ''),
  /** What the operator had applied for its FluxInstance, where the operator is what lets go. */
  applied: v.pipe(v.optional(v.array(refSchema), []), v.readonly()),
  /** What is the operator's own, or was made by it: it goes unless the new owner has it. */
  owned: v.pipe(v.optional(v.array(ownedSchema), []), v.readonly()),
})

/** What had installed Flux, and is noted of it: past a certain point the cluster no longer shows that. */
export type FormerOwner = v.InferOutput<typeof formerSchema>

const notesSchema = v.object({ ...formerSchema.entries, isRecorded: v.optional(v.boolean(), false) })

/** Whether this run has begun to take over, before it was interrupted too. */
export function hasBegun(memory: RunState): boolean {
  return v.parse(notesSchema, memory.read().takeOver ?? {}).isRecorded
}

/** What this run has noted of what had installed Flux. */
export function formerOwner(memory: RunState): FormerOwner {
  return v.parse(notesSchema, memory.read().takeOver ?? {})
}

/** What this run has kept; undefined where it has not. */
export function keptIdentities(memory: RunState): Identities | undefined {
  if (!hasBegun(memory)) return undefined
  const file = join(memory.folder(), files.flux)
  if (!existsSync(file)) return undefined
  const flux = v.parse(v.pipe(v.string(), v.parseJson(), fluxSchema), readFileSync(file, 'utf8'))
  return { ...flux, workloads: readFingerprint(join(memory.folder(), files.workloads)) }
}
