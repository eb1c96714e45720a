import { kinds, nameOf, type Ref } from '../cluster/objects.ts'
import { isRequested, requestReconcile } from '../cluster/reconcile-request.ts'
import { helmReleases } from '../health/probes/reconciled.ts'
import type { Scene } from '../health/scene.ts'
import type { Step } from '../step.ts'

/**
 * Has helm-controller take a HelmRelease up again that it gave up or left halfway: a pending release is unlocked, failures are forgotten
 * (helm-controller docs, reconcile.fluxcd.io/forceAt and resetAt).
 * @param look sets the scene anew
 */
export function ensureReleaseMoves(ref: Ref, look: () => Scene): Step {
  const name = nameOf(ref)
  return {
    id: `release-${ref.name}`,
    title: `Have helm-controller take ${name} up again`,
    risk: 'change',
    async look({ cluster }) {
      const { objects = [] } = await helmReleases.look(look())
      const trouble = objects.find(({ object }) => object === name)
      if (trouble === undefined) return { is: 'done', detail: `${name} is Ready` }
      const release = await cluster.get(ref)
      if (release === undefined) return { is: 'blocked', reason: `${name} is gone meanwhile`, remedy: 'run recover again' }
      if (isRequested(release)) return { is: 'waiting', on: `${name}: ${trouble.reason}` }
      return {
        is: 'todo',
        change: `force ${name} anew: ${trouble.reason}`,
        commands: [`flux --namespace ${ref.namespace} reconcile helmrelease ${ref.name} --force --reset`],
      }
    },
    act: ({ cluster }) => requestReconcile(cluster, ref, 'reconcile.fluxcd.io/forceAt', 'reconcile.fluxcd.io/resetAt'),
    watches: [{ kind: kinds.helmRelease, query: ref.namespace === undefined ? {} : { namespace: ref.namespace } }],
  }
}
