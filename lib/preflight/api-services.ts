import type { Cluster } from '../kubernetes/client.ts'
import type { Finding } from './preflight.ts'
import { conditionsOf } from '../kubernetes/readiness.ts'

const apiService = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' }

/**
 * Aggregated APIs that do not answer. While one does not, no namespace can be deleted: the namespace controller cannot tell what is in
 * there. So it blocks a teardown; a bootstrap only wants it known.
 */
export async function checkApiServices(cluster: Cluster, severity: 'blocks' | 'notice'): Promise<Finding[]> {
  const services = await cluster.list(apiService)
  return services.flatMap((service) => {
    const { name } = service.metadata
    const available = conditionsOf(service).find(({ type }) => type === 'Available')
    if (available?.status === 'True') return []
    const why = available === undefined ? 'its condition is not known yet' : `${available.reason}: ${available.message}`
    return [
      {
        is: severity,
        what: `APIService ${name} is not available (${why}); until it is, no namespace of this cluster can be deleted`,
        remedy: `kubectl describe apiservice ${name}; if its server will not come back: kubectl delete apiservice ${name}`,
      },
    ]
  })
}
