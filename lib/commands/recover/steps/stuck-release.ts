import { type KubeObject, nameOf, type Ref } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import { describeSuspension, isSuspended, suspensionIn } from '../../../flux/suspension.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import { helmReleases } from '../../../health/probes/reconciled.ts'
import type { Snapshot } from '../../../health/snapshot.ts'
import type { Trouble } from '../../../health/probe.ts'
import type { StepStatus, Step } from '../../../runner/step.ts'
import { forceAtAnnotation, resetAtAnnotation } from '../../../flux/annotations.ts'

/**
 * Has helm-controller take a HelmRelease up again that it gave up or left halfway: a pending release is unlocked, failures are forgotten
 * (helm-controller docs, annotations forceAt and resetAt).
 * @param takeSnapshot takes a new snapshot
 */
export function ensureReleaseMoves(ref: Ref, takeSnapshot: () => Snapshot): Step {
  const name = nameOf(ref)
  return {
    id: `release-${ref.name}`,
    title: `Have helm-controller retry ${name}`,
    risk: 'change',
    async check({ cluster }) {
      const { objects = [] } = await helmReleases.check(takeSnapshot())
      const trouble = objects.find(({ object }) => object === name)
      if (trouble === undefined) return { is: 'done', detail: `${name} is Ready` }
      const release = await cluster.get(ref)
      return checkStuck(ref, trouble, release)
    },
    apply: ({ cluster }) => requestReconcile(cluster, ref, forceAtAnnotation, resetAtAnnotation),
    watches: [{ kind: fluxKinds.helmRelease, query: ref.namespace === undefined ? {} : { namespace: ref.namespace } }],
  }
}

/** What is to be done about an unhealthy release. One that helm-controller is processing is left to it, for as long as it may take. */
export function checkStuck(ref: Ref, { cause, reason }: Pick<Trouble, 'cause' | 'reason'>, release: KubeObject | undefined): StepStatus {
  const name = nameOf(ref)
  if (release === undefined)
    return { is: 'blocked', reason: `${name} has been deleted meanwhile`, remedy: 'to look again: the same command' }
  // Who suspends it in the middle of this decides; a request would be carried out as soon as it is resumed.
  if (isSuspended(release))
    return { is: 'done', detail: `${name} is ${describeSuspension(suspensionIn(release.metadata))}, and is left so` }
  if (isRequested(release) || cause === 'retrying') return { is: 'waiting', on: `${name}: ${reason}` }
  return {
    is: 'todo',
    change: `force ${name} again: ${reason}`,
    commands: [`flux --namespace ${ref.namespace} reconcile helmrelease ${ref.name} --force --reset`],
  }
}
