import { counted } from '../../../base/counted.ts'
import type { Survival } from '../../../continuity/compare.ts'
import { foreignManagersOf } from '../../../flux/field-owners.ts'
import { handOverAll } from '../../../flux/hand-over-fields.ts'
import { inventoryOf } from '../../../flux/inventory.ts'
import { isPulumis } from '../../../flux/installer.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { inParallel } from '../../../base/parallel.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { getMetadata } from '../../../kubernetes/metadata.ts'
import { kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import type { Observation, ObservingStep, Step } from '../../../runner/step.ts'
import { compareIdentities, type FormerOwner, formerOwner, keepIdentities, keptIdentities, readIdentities } from './identities.ts'
import { describeOrigin, namesOf } from './judge-origin.ts'
import type { FluxOrigin } from './origin.ts'

/** What passes from one owner to the other, beside the controllers. */
export interface Handed {
  /** How many CustomResourceDefinitions of Flux's. */
  readonly crds: number
  /** The source and the root Kustomization that the operator makes too, where they are there. */
  readonly sync: readonly KubeObject[]
}

/** What is recorded before anything passes, and how that is said. */
export interface Handover {
  /** `Flux 2.9.5 was installed by …; … takes over …`. */
  readonly change: string
  readonly details: readonly string[]
  readonly former: FormerOwner
  /** Whether an object of Flux's goes with its former owner. */
  readonly isLeaving: (ref: Ref) => boolean
}

/** The take-over by the operator of a Flux that another program has installed. */
export function handoverToOperator(origin: FluxOrigin, handed: Handed): Handover {
  const managers = [...new Set(origin.controllers.flatMap(foreignManagersOf))]
  return {
    change: `${describeOrigin(origin)}; ${describeHanded(origin, handed)}`,
    details: [...origin.controllers, ...handed.sync].map((one) => `${nameOf(refOf(one))}: to flux-operator`),
    former: { managers, installedBy: origin.installedBy, applied: [], owned: [] },
    isLeaving: ({ kind, name }) => kind === kinds.deployment.kind && name === origin.together?.metadata.name,
  }
}

/**
 * Notes what is there before the new owner comes, and says what it will take over.
 * @param taker who that is
 * @param handover undefined where nothing is left to take over
 */
export function recordIdentities(namespace: string, taker: string, handover: Handover | undefined): Step {
  return {
    id: 'hands',
    title: `Record what ${taker} takes over, and what stays`,
    risk: 'safe',
    check({ memory }) {
      const kept = keptIdentities(memory)
      if (kept !== undefined || handover === undefined) {
        const count = Object.keys(kept?.uids ?? {}).length
        return Promise.resolve({ is: 'done', detail: `the UIDs of ${counted(count, 'object')} of Flux, and of all workloads` })
      }
      return Promise.resolve({
        is: 'todo',
        change: handover.change,
        commands: ['kubectl get gitrepositories,kustomizations,helmreleases --all-namespaces --output json > before.json'],
        details: handover.details,
      })
    },
    async apply({ cluster, memory }) {
      if (handover === undefined) return
      keepIdentities(memory, await readIdentities(cluster, namespace, handover.isLeaving), handover.former)
    },
  }
}

/** `flux-operator takes over Deployments …, 14 CustomResourceDefinitions, GitRepository …; they stay the same objects`. */
function describeHanded({ controllers, together }: FluxOrigin, { crds, sync }: Handed): string {
  const names = sync.map((one) => nameOf(refOf(one)))
  const passing = [
    ...(together === undefined && controllers.length > 0 ? [`Deployments ${namesOf(controllers)}`] : []),
    counted(crds, 'CustomResourceDefinition'),
    ...names,
  ].join(', ')
  const kept = `flux-operator takes over ${passing}, which stay the same objects`
  if (together === undefined) return kept
  return `Deployment ${together.metadata.name} is replaced by one for each controller; ${kept}`
}

/** What still has a field manager of what had installed Flux, of all that the operator applies. */
async function ownedBefore(cluster: Cluster, refs: readonly Ref[], managers: readonly string[]): Promise<{ ref: Ref; by: string[] }[]> {
  const found = await inParallel(refs, 8, async (ref) => {
    const live = await getMetadata(cluster, ref)
    const by = live === undefined ? [] : foreignManagersOf(live).filter((manager) => isOf(manager, managers))
    return by.length === 0 ? [] : [{ ref, by }]
  })
  return found.flat()
}

/** Pulumi's manager of each object bears a name of its own. */
function isOf(manager: string, managers: readonly string[]): boolean {
  return managers.includes(manager) || (isPulumis(manager) && managers.some(isPulumis))
}

/**
 * Gives the operator what the program that had installed Flux still owns of its fields: the operator takes over what Helm 3 and the flux CLI
 * wrote, and not what Helm 4 and others applied (flux-operator internal/controller/common.go), and neither of two owners can remove a field.
 */
export function ensureFieldsHandedOver(namespace: string): Step {
  const left = async (cluster: Cluster, managers: readonly string[]): Promise<{ ref: Ref; by: string[] }[]> => {
    const instance = await cluster.get(instanceIn(namespace))
    return ownedBefore(cluster, instance === undefined ? [] : inventoryOf(instance), managers)
  }
  return {
    id: 'managers',
    title: 'Give flux-operator the fields that the former installer owns',
    risk: 'change',
    async check({ cluster, memory }) {
      if (keptIdentities(memory) === undefined) return { is: 'waiting', on: 'flux-operator to have applied Flux' }
      const found = await left(cluster, formerOwner(memory).managers)
      if (found.length === 0) return { is: 'done', detail: 'it owns all of them' }
      const names = [...new Set(found.flatMap(({ by }) => by))].join(', ')
      return {
        is: 'todo',
        change: `hand over what ${names} owns of ${counted(found.length, 'object')}; the objects themselves do not change`,
        commands: [], // nobody would type managedFields
        details: found.map(({ ref, by }) => `${nameOf(ref)}: ${by.join(', ')}`),
      }
    },
    async apply({ cluster, memory, timeout }) {
      for (const { ref, by } of await left(cluster, formerOwner(memory).managers)) await handOverAll(cluster, ref, by, timeout)
    },
    watches: [],
  }
}

/** Checks all of it again: what was there before must exist, and be the same object. */
export function verifyIdentities(namespace: string, taker: string): ObservingStep<Survival> {
  let observed: Observation<Survival> | undefined
  return {
    observed: () => observed,
    id: 'survival',
    title: 'Verify that workloads and objects of Flux have the same UIDs, and nothing was pruned',
    risk: 'safe',
    async check({ cluster, memory }) {
      const before = keptIdentities(memory)
      if (before === undefined) return { is: 'done', isSkipped: true, detail: `${taker} has taken over nothing` }
      const survival = await compareIdentities(cluster, namespace, before)
      observed = { value: survival, at: performance.now() }
      const { checked, changed, missing, reported } = survival
      const applied = counted(before.applied.length, 'applied object')
      if (changed.length === 0 && missing.length === 0) {
        return { is: 'done', detail: [`${checked} are the same objects, and none of ${applied} was pruned`, ...reported].join('; ') }
      }
      const gone = missing.length === 0 ? [] : [`gone: ${some(missing)}`]
      const other = changed.length === 0 ? [] : [`there, but recreated: ${some(changed)}`]
      return {
        is: 'blocked',
        reason: `not everything stayed as it was. ${[...gone, ...other].join('; ')}`,
        remedy: 'see who deleted them, and whether Git has them: kubectl get events --all-namespaces --sort-by=.lastTimestamp',
      }
    },
    apply: () => Promise.resolve(),
  }
}

function some(names: readonly string[]): string {
  return names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`
}
