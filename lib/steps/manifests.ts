import type { KubeObject, Ref } from '../cluster/objects.ts'
import { readinessOf } from '../cluster/readiness.ts'
import { requestReconcile } from '../cluster/reconcile-request.ts'
import type { Step } from '../step.ts'

/** Whether the operator could not fetch its manifests from the registry. */
export function lacksManifests(instance: KubeObject): boolean {
  const readiness = readinessOf(instance)
  return readiness.is === 'waiting' && readiness.on.includes(': ArtifactFailed: ')
}

/** Has the operator fetch its manifests again: it waits twice as long after each time that the registry did not answer. */
export function urgeFetch(instance: Ref): NonNullable<Step['urge']> {
  return async ({ cluster }) => {
    const live = await cluster.get(instance)
    if (live !== undefined && lacksManifests(live)) await requestReconcile(cluster, instance)
  }
}
