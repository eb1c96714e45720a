import { counted } from '../../../base/counted.ts'
import { inParallel } from '../../../base/parallel.ts'
import { isReconcileDisabled, reconcileAnnotation } from '../../../flux/annotations.ts'
import { operatorCrds } from '../../../flux/crds.ts'
import { hasPulumi } from '../../../flux/installer.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { operatorName } from '../../../flux/labels.ts'
import { instanceIn } from '../../../flux/refs.ts'
import { isSuspended, suspension } from '../../../flux/suspension.ts'
import type { Cluster } from '../../../kubernetes/client.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'
import { getMetadata } from '../../../kubernetes/metadata.ts'
import { kinds, kubectlCall, type KubeObject, nameOf, type Ref, refOf } from '../../../kubernetes/objects.ts'
import type { RunState } from '../../../runner/run-state.ts'
import type { Step } from '../../../runner/step.ts'
import { formerOwner } from './identities.ts'

/**
 * Deletes the HelmReleases by which Git brought the operator and its FluxInstance, suspended: one that is suspended uninstalls nothing when it
 * is deleted. Until they are gone they would restore what the operator is to let go of.
 */
export function ensureReleasesGone(releases: readonly KubeObject[]): Step {
  const left = async (cluster: Cluster): Promise<KubeObject[]> =>
    (await Promise.all(releases.map((one) => cluster.get(refOf(one))))).filter((one) => one !== undefined)
  const namesOf = (some: readonly KubeObject[]): string => some.map((one) => nameOf(refOf(one))).join(', ')
  return {
    id: 'release-charts',
    title: 'Delete the HelmReleases of flux-operator and its FluxInstance, suspended: nothing is uninstalled',
    risk: 'destroy',
    async check({ cluster }) {
      const found = await left(cluster)
      if (found.length === 0) return { is: 'done', detail: 'there are none' }
      if (found.every(({ metadata }) => metadata.deletionTimestamp !== undefined)) {
        return { is: 'waiting', on: `helm-controller to let go of ${namesOf(found)}` }
      }
      return {
        is: 'todo',
        change: `suspend and delete ${namesOf(found)}; what they installed stays`,
        commands: found.flatMap((one) => {
          const ref = refOf(one)
          return [`flux --namespace ${ref.namespace ?? ''} suspend helmrelease ${ref.name}`, kubectlCall('delete', ref)]
        }),
      }
    },
    async apply({ cluster }) {
      for (const one of await left(cluster)) {
        const ref = refOf(one)
        const suspended = isSuspended(one) ? one : await cluster.patch(ref, suspension(one))
        await cluster.remove(ref, { uid: suspended.metadata.uid ?? '' })
      }
    },
    watches: [{ kind: fluxKinds.helmRelease, query: {} }],
  }
}

/**
 * Has the operator let go of Flux: of a FluxInstance that it does not reconcile it removes nothing when that is deleted (flux-operator
 * internal/controller/fluxinstance_uninstaller.go). It removes its own finalizer itself.
 */
export function ensureInstanceReleased(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'release-instance',
    title: 'Delete the FluxInstance with its reconciliation disabled: the operator lets go of Flux',
    risk: 'destroy',
    async check({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'done', detail: 'there is none' }
      if (instance.metadata.deletionTimestamp !== undefined) return { is: 'waiting', on: 'the operator to let go of the FluxInstance' }
      return {
        is: 'todo',
        change:
          'delete the FluxInstance; controllers, CRDs, and all that Flux has applied stay, and nobody repairs Flux until Pulumi has it',
        commands: [
          `kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}=disabled --overwrite`,
          kubectlCall('delete', ref),
        ],
      }
    },
    async apply({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return
      const disabled = isReconcileDisabled(instance) ? instance : await cluster.patch(ref, suspension(instance))
      await cluster.remove(ref, { uid: disabled.metadata.uid ?? '' })
    },
    watches: [{ kind: fluxKinds.fluxInstance, query: { namespace } }],
  }
}

/** Whether the operator has applied fields of an object that Pulumi has now. */
function isShared(live: KubeObject): boolean {
  const isApplied = live.metadata.managedFields.some(({ manager, subresource }) => manager === operatorName && subresource === undefined)
  return isApplied && hasPulumi(live)
}

async function sharedObjects(cluster: Cluster, memory: RunState): Promise<Ref[]> {
  const found = await inParallel(formerOwner(memory).applied, 8, async (ref) => {
    const live = await getMetadata(cluster, ref)
    return live !== undefined && isShared(live) ? [ref] : []
  })
  return found.flat()
}

/**
 * Takes the operator's part out of what Pulumi has: an application of nothing, as the operator, removes what it alone had stated, such as its
 * labels, and leaves what Pulumi states too.
 */
export function ensureFieldsReleased(): Step {
  return {
    id: 'managers',
    title: 'Remove what flux-operator alone had set of what Pulumi owns now',
    risk: 'change',
    async check({ cluster, memory }) {
      const shared = await sharedObjects(cluster, memory)
      if (shared.length === 0) return { is: 'done', detail: 'flux-operator owns no field of it' }
      return {
        is: 'todo',
        change: `of ${counted(shared.length, 'object')}, such as the label managed-by: flux-operator; controllers may restart once more`,
        commands: [], // nobody would type an application of nothing for each
        details: shared.map(nameOf),
      }
    },
    async apply({ cluster, memory }) {
      for (const ref of await sharedObjects(cluster, memory)) await cluster.apply(manifestOf(ref), { manager: operatorName })
    },
  }
}

/** What is left of the operator and of what it had made, apart from what Pulumi has. */
async function remains(cluster: Cluster, memory: RunState): Promise<{ ref: Ref; uid: string }[]> {
  const crds = operatorCrds.map((name) => ({ ref: { ...kinds.crd, name }, uid: undefined }))
  const found = await inParallel([...formerOwner(memory).owned, ...crds], 8, async ({ ref, uid }) => {
    const live = await getMetadata(cluster, ref)
    const isLeft = live?.metadata.uid !== undefined && !hasPulumi(live) && (uid === undefined || live.metadata.uid === uid)
    return isLeft ? [{ ref, uid: live.metadata.uid ?? '', isGoing: live.metadata.deletionTimestamp !== undefined }] : []
  })
  return found.flat().filter(({ isGoing }) => !isGoing)
}

/** Deletes the operator, its CustomResourceDefinitions, and what it had made that Pulumi does not have under the same name. */
export function ensureOperatorGone(): Step {
  return {
    id: 'remove-operator',
    title: 'Delete flux-operator, and what it had made that Pulumi does not have',
    risk: 'destroy',
    async check({ cluster, memory }) {
      const left = await remains(cluster, memory)
      if (left.length === 0) return { is: 'done', detail: 'none of it is left' }
      return {
        is: 'todo',
        change: `delete ${counted(left.length, 'object')}: ${left.map(({ ref }) => nameOf(ref)).join(', ')}`,
        commands: left.map(({ ref }) => kubectlCall('delete', ref)),
      }
    },
    async apply({ cluster, memory }) {
      await inParallel(await remains(cluster, memory), 8, ({ ref, uid }) => cluster.remove(ref, { uid }))
    },
  }
}
