import { heldOf } from '../../../flux/held-objects.ts'
import { ignoreNotFound } from '../../../kubernetes/client.ts'
import { isReconcileDisabled, reconcileAnnotation } from '../../../flux/annotations.ts'
import { type KubeObject, nameOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { Step } from '../../../runner/step.ts'
import { removeFinalizers } from '../../teardown/steps/finalizers.ts'
import { podsOf } from '../../../flux/components.ts'
import { ensureOperatorStopped } from '../../teardown/steps/stop-controllers.ts'
import { instanceIn } from '../../../flux/refs.ts'

/**
 * Has the operator leave all of Flux alone when it finds its FluxInstance deleted: of a suspended one it only removes its finalizer
 * (flux-operator internal/controller/fluxinstance_uninstaller.go). Not waited for: it may be away, or in a namespace without Events.
 */
export function ensureUninstallDisabled(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'instance-disabled',
    title: 'Keep the operator from uninstalling Flux',
    risk: 'change',
    async check({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined) return { is: 'done', detail: 'there is no FluxInstance' }
      if (isReconcileDisabled(instance)) return { is: 'done', detail: 'it leaves Flux alone' }
      return {
        is: 'todo',
        change: `annotate ${nameOf(ref)} ${reconcileAnnotation}: disabled`,
        commands: [`kubectl --namespace ${namespace} annotate fluxinstance flux ${reconcileAnnotation}=disabled --overwrite`],
      }
    },
    apply: async ({ cluster }) =>
      void (await cluster.patch(ref, { metadata: { annotations: { [reconcileAnnotation]: 'disabled' } } }).catch(ignoreNotFound)),
    watches: [{ kind: fluxKinds.fluxInstance, query: { namespace } }],
  }
}

/** Stops an operator that has not removed its finalizer from the FluxInstance by itself: it may be in the middle of uninstalling Flux, or see nothing. */
export function ensureUninstallStopped(namespace: string): Step {
  const stop = ensureOperatorStopped(namespace)
  return {
    ...stop,
    async check(run) {
      const instance = await run.cluster.get(instanceIn(namespace))
      return isTerminating(instance)
        ? stop.check(run)
        : { is: 'done', detail: 'not needed: the FluxInstance has no finalizer of it any longer' }
    },
  }
}

/** Takes the operator's finalizer off a FluxInstance that is being deleted, with the operator away; controllers and CRDs stay. */
export function ensureInstanceFinalizerRemoved(namespace: string): Step {
  const ref = instanceIn(namespace)
  return {
    id: 'instance-let-go',
    title: 'Delete the FluxInstance without uninstalling Flux',
    risk: 'change',
    async check({ cluster }) {
      const instance = await cluster.get(ref)
      if (instance === undefined || !isTerminating(instance)) return { is: 'done', detail: 'the deleted one is gone' }
      const { hasOwn, foreign } = heldOf(instance)
      if (foreign.length > 0) {
        return {
          is: 'blocked',
          reason: `${nameOf(ref)} has a finalizer that is not Flux's: ${foreign.join(', ')}`,
          remedy: `let its owner finish; if the owner no longer exists: kubectl --namespace ${namespace} edit fluxinstance flux, and remove it from metadata.finalizers`,
        }
      }
      if (!hasOwn) return { is: 'waiting', on: `${nameOf(ref)} to be gone` }
      return {
        is: 'todo',
        change: `remove its operator's finalizer from ${nameOf(ref)}; controllers, CRDs and workloads stay`,
        commands: [`kubectl --namespace ${namespace} patch fluxinstance flux --type=merge --patch '{"metadata":{"finalizers":null}}'`],
      }
    },
    async apply({ cluster, timeout }) {
      const instance = await cluster.get(ref)
      if (instance === undefined || !isTerminating(instance)) return
      // An operator that was started meanwhile takes it off itself: the FluxInstance is suspended.
      if ((await podsOf(cluster, namespace, 'operator')).length > 0) return
      await removeFinalizers(cluster, heldOf(instance), timeout)
    },
    watches: [{ kind: fluxKinds.fluxInstance, query: { namespace } }],
  }
}

function isTerminating(instance: KubeObject | undefined): boolean {
  return instance?.metadata.deletionTimestamp !== undefined
}
