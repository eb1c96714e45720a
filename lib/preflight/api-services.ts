import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import type { Finding } from './finding.ts'

const apiServicesSchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      status: v.optional(
        v.object({
          conditions: v.optional(
            v.array(
              v.object({ type: v.string(), status: v.string(), reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') }),
            ),
            [],
          ),
        }),
        {},
      ),
    }),
  ),
})

/**
 * Aggregated APIs that do not answer. While one does not, no namespace can be deleted: the namespace controller cannot tell what is in
 * there. So it blocks a teardown; a bootstrap only wants it known.
 */
export async function checkApiServices(cluster: Cluster, severity: 'blocks' | 'notice'): Promise<Finding[]> {
  const { items } = v.parse(apiServicesSchema, await cluster.read('/apis/apiregistration.k8s.io/v1/apiservices'))
  return items.flatMap(({ metadata: { name }, status }) => {
    const available = status.conditions.find(({ type }) => type === 'Available')
    if (available?.status === 'True') return []
    const why = available === undefined ? 'its condition is not known yet' : `${available.reason}: ${available.message}`
    return [
      {
        is: severity,
        what: `APIService ${name} is not available (${why}); until it is, no namespace of this cluster can be deleted`,
        remedy: `kubectl describe apiservice ${name}; if what served it is gone for good: kubectl delete apiservice ${name}`,
      },
    ]
  })
}
