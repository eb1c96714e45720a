import type { Cluster } from '../kubernetes/client.ts'
import { type KubeObject, nameOf, refOf } from '../kubernetes/objects.ts'
import type { Finding } from './preflight.ts'
import { conditionsOf } from '../kubernetes/readiness.ts'

export const apiService = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' }

/** An aggregated API that does not answer, and why. */
export interface UnavailableApi {
  readonly object: KubeObject
  readonly reason: string
  readonly remedy: string
}

/**
 * Aggregated APIs that do not answer. While one does not, no namespace can be deleted: the namespace controller cannot tell what is in
 * there. So it blocks a teardown; a bootstrap only wants it known.
 */
export async function checkApiServices(cluster: Cluster, severity: 'blocks' | 'notice'): Promise<Finding[]> {
  const unavailable = await unavailableApis(cluster)
  return unavailable.map(({ object, reason, remedy }) => ({ is: severity, what: `${nameOf(refOf(object))} ${reason}`, remedy }))
}

export async function unavailableApis(cluster: Pick<Cluster, 'list'>): Promise<UnavailableApi[]> {
  const services = await cluster.list(apiService)
  return services.flatMap((object): UnavailableApi[] => {
    const { name } = object.metadata
    const available = conditionsOf(object).find(({ type }) => type === 'Available')
    if (available?.status === 'True') return []
    const why = available === undefined ? 'its condition is not known yet' : `${available.reason}: ${available.message}`
    const reason = `is not available (${why}); until it is, no namespace of this cluster can be deleted`
    const remedy = `kubectl describe apiservice ${name}; if its server will not come back: kubectl delete apiservice ${name}`
    return [{ object, reason, remedy }]
  })
}
