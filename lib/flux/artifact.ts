import type { Cluster } from '../kubernetes/client.ts'
import type { KubeObject, Ref } from '../kubernetes/objects.ts'
import { readinessOf } from './readiness.ts'
import { requestReconcile } from './reconcile-request.ts'

/** Whether the operator could not fetch its manifests from the registry. */
export function lacksManifests(instance: KubeObject): boolean {
  const readiness = readinessOf(instance)
  return readiness.is === 'waiting' && readiness.because?.reason === 'ArtifactFailed'
}

/** Has the operator fetch its manifests again: it waits twice as long after each time that the registry did not answer. */
export function nudgeFetch(instance: Ref): (at: { readonly cluster: Cluster }) => Promise<void> {
  return async ({ cluster }) => {
    const live = await cluster.get(instance)
    if (live !== undefined && lacksManifests(live)) await requestReconcile(cluster, instance)
  }
}
