import { requestedAtAnnotation } from '../../../flux/annotations.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { identityOf } from '../../../flux/inventory.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import { describeSuspension, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import type { Part } from '../../../health/part.ts'
import { partsOf } from '../../../health/parts.ts'
import type { Trouble } from '../../../health/probe.ts'
import { crds } from '../../../health/probes/crds.ts'
import { inventory } from '../../../health/probes/inventory.ts'
import { networkPolicies } from '../../../health/probes/network-policies.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import { findStalePods, type StalePod } from '../../../health/stale-tokens.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kindArgument, kinds, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { operatorWork } from '../busy-operator.ts'
import { heldBy } from '../held.ts'

/**
 * Has everything back that Flux consists of: who keeps what is gone, or was emptied, is asked to look now. A pod whose ServiceAccount came
 * back starts again, since the API refuses its old token.
 * @param options.isReinstalled that a step before this one has a person's program restore what is only a person's to restore
 */
export function ensureParts(takeSnapshot: () => Snapshot, { isReinstalled = false } = {}): Step {
  const amiss = async (snapshot: Snapshot): Promise<readonly Trouble[]> => {
    const found = await Promise.all([inventory, networkPolicies].map(({ check }) => check(snapshot)))
    return found.flatMap(({ objects = [] }) => objects.filter(({ damage }) => damage === 'part-gone' || damage === 'part-emptied'))
  }
  const asking = askKeepers({ id: 'parts', title: 'Have the parts of Flux recreated' }, takeSnapshot, amiss, isReinstalled)
  const stale = async (): Promise<StalePod[]> => {
    const snapshot = takeSnapshot()
    return findStalePods(snapshot, await snapshot.pods())
  }
  const restart = async (cluster: Cluster): Promise<void> => {
    for (const { ref, uid } of await stale()) await cluster.remove(ref, { uid })
  }
  return {
    ...asking,
    async check(run): Promise<StepStatus> {
      const parts = await asking.check(run)
      const pods = parts.is === 'blocked' ? [] : await stale()
      if (pods.length === 0) return parts
      const change = `restart ${pods.map(({ ref }) => nameOf(ref)).join(', ')}: the ServiceAccount was recreated, and the API refuses the old token`
      const commands = pods.map(({ ref }) => `kubectl --namespace ${ref.namespace} delete pod ${ref.name}`)
      if (parts.is !== 'todo') return { is: 'todo', change, commands }
      return { is: 'todo', change: `${parts.change}; ${change}`, commands: [...parts.commands, ...commands] }
    },
    async apply(run, progress) {
      await asking.apply(run, progress)
      await restart(run.cluster)
    },
    async nudge(run) {
      await asking.nudge?.(run)
      await restart(run.cluster)
    },
    watches: [...(asking.watches ?? []), { kind: kinds.pod, query: {} }],
  }
}

/** Has the CustomResourceDefinitions back, and then, from Git, the objects of their kinds. */
export function ensureCrds(takeSnapshot: () => Snapshot): Step {
  return askKeepers({ id: 'crds', title: 'Have the CustomResourceDefinitions recreated' }, takeSnapshot, async (snapshot) => {
    const { objects = [] } = await crds.check(snapshot)
    return objects.filter(({ damage }) => damage !== undefined)
  })
}

/** A step that is done when nothing is amiss any more; until then it asks those that keep what is, each once in ten seconds at most. */
function askKeepers(
  step: Pick<Step, 'id' | 'title'>,
  takeSnapshot: () => Snapshot,
  amiss: (snapshot: Snapshot) => Promise<readonly Trouble[]>,
  isReinstalled = false,
): Step {
  const find = async (): Promise<{ troubles: readonly Trouble[]; parts: readonly Part[] }> => {
    const snapshot = takeSnapshot()
    const troubles = await amiss(snapshot)
    if (troubles.length === 0) return { troubles, parts: [] }
    const parts = await partsOf(snapshot)
    return { troubles, parts: troubles.flatMap((trouble) => parts.find(({ ref }) => isAbout(trouble, ref)) ?? []) }
  }
  const ask = async (cluster: Cluster): Promise<void> => {
    const { parts } = await find()
    for (const ref of await askable(cluster, parts)) await requestReconcile(cluster, ref)
  }
  return {
    ...step,
    risk: 'change',
    async check({ cluster, where }): Promise<StepStatus> {
      const { troubles, parts } = await find()
      if (troubles.length === 0) return { is: 'done', detail: 'all is there' }
      const held = await heldBy(
        cluster,
        parts.map(({ ref }) => ref),
      )
      if (held !== undefined) return held
      const named = troubles.map(({ object }) => object)
      const reported = `${named.slice(0, 3).join(', ')}${named.length > 3 ? ` and ${named.length - 3} more` : ''}`
      const refs = await askable(cluster, parts)
      const [byHand] = parts.flatMap(({ keeper }) => (keeper.is === 'person' ? [keeper.command] : []))
      if (refs.length === 0 && byHand !== undefined && !isReinstalled)
        return { is: 'blocked', reason: `${reported}: missing, and nothing in the cluster recreates it`, remedy: byHand }
      const stopped = refs.length === 0 ? await suspendedKeeper(cluster, parts) : undefined
      if (stopped !== undefined) {
        const { kind, namespace, name } = refOf(stopped)
        const by = describeSuspension(suspensionIn(stopped.metadata))
        const remedy = `find out why, then: npx zx scripts/recover.ts ${where} --resume-suspended ${kind}/${namespace}/${name}`
        return { is: 'blocked', reason: `${reported}: missing, and ${nameOf(refOf(stopped))}, which would recreate it, is ${by}`, remedy }
      }
      if (refs.length === 0) return { is: 'waiting', on: `${reported} to be restored` }
      return {
        is: 'todo',
        change: `ask ${refs.map(nameOf).join(', ')} to recreate what is missing now: ${reported}`,
        commands: refs.map(
          (ref) =>
            `kubectl --namespace ${ref.namespace} annotate ${kindArgument(ref)} ${ref.name} --overwrite ${requestedAtAnnotation}="$(date +%s)"`,
        ),
      }
    },
    apply: ({ cluster }) => ask(cluster),
    nudge: ({ cluster }) => ask(cluster),
    watches: [fluxKinds.fluxInstance, fluxKinds.helmRelease, fluxKinds.kustomization, kinds.serviceAccount].map((kind) => ({
      kind,
      query: {},
    })),
  }
}

/** A trouble names an object as it is; a manifest may have given a cluster-scoped one a namespace. */
function isAbout({ object }: Trouble, ref: Ref): boolean {
  return object === nameOf(ref) || object === `${ref.kind} ${ref.name}`
}

/** The objects of Flux that keep the parts, as far as they are there. */
async function liveKeepers(cluster: Cluster, parts: readonly Part[]): Promise<KubeObject[]> {
  const refs = parts.flatMap(({ keeper }) => (keeper.is === 'flux' ? [keeper.ref] : []))
  const keepers = [...new Map(refs.map((ref) => [identityOf(ref), ref])).values()]
  const live = await Promise.all(keepers.map((ref) => cluster.get(ref)))
  return live.filter((keeper) => keeper !== undefined)
}

/** Those that stay, and have done all that they were asked, or do nothing for it but wait. One that is suspended does nothing of it. */
async function askable(cluster: Cluster, parts: readonly Part[]): Promise<Ref[]> {
  const isWaiting = (keeper: KubeObject): boolean =>
    keeper.kind === fluxKinds.fluxInstance.kind && operatorWork(keeper, cluster.endpoint.now()) === 'waiting'
  const isAskable = (keeper: KubeObject): boolean =>
    keeper.metadata.deletionTimestamp === undefined && !isSuspended(keeper) && (!isRequested(keeper) || isWaiting(keeper))
  return (await liveKeepers(cluster, parts)).filter(isAskable).map(refOf)
}

async function suspendedKeeper(cluster: Cluster, parts: readonly Part[]): Promise<KubeObject | undefined> {
  const keepers = await liveKeepers(cluster, parts)
  return keepers.every(isSuspended) ? keepers[0] : undefined
}
