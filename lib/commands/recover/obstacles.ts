import type { ProbeResult, Trouble } from '../../health/probe.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import { requiredWebhooks } from '../../preflight/webhooks.ts'
import { RemedyNeeds } from './remedy-needs.ts'

/** What blocks every repair, and was checked. */
export interface Obstacle {
  readonly ref: Ref
  readonly uid: string
  readonly why: string
}

const quota = { apiVersion: 'v1', kind: 'ResourceQuota' }

/**
 * The webhook configurations, quotas and records of Helm's that health names.
 * @throws RemedyNeeds where a webhook's Service is there: then it is to be repaired, not removed
 */
export async function findObstacles(cluster: Cluster, found: readonly Trouble[]): Promise<Obstacle[]> {
  const names = found.map(({ object }) => object)
  const required = await requiredWebhooks(cluster)
  for (const { configuration, webhook } of required.filter((one) => names.includes(nameOf(refOf(one.configuration))))) {
    const { service } = webhook.clientConfig
    const isExpired = found.some(({ object, damage }) => object === nameOf(refOf(configuration)) && damage === 'webhook-expired')
    if (service === undefined || isExpired) continue
    if ((await cluster.get({ apiVersion: 'v1', kind: 'Service', ...service })) !== undefined) {
      throw new RemedyNeeds(
        `the Service ${service.namespace}/${service.name} of ${nameOf(refOf(configuration))} exists, but has no ready endpoint`,
        `kubectl --namespace ${service.namespace} get service,endpointslices,pods; if its server will not come back: kubectl delete ${configuration.kind.toLowerCase()} ${configuration.metadata.name}`,
      )
    }
  }
  const named = found.flatMap(({ object, damage }) => {
    const kind = damage === 'quota' ? quota : damage === 'release-unreadable' ? kinds.secret : undefined
    return kind === undefined ? [] : [cluster.get(refNamed(kind, object))]
  })
  const others = (await Promise.all(named)).filter((one) => one !== undefined)
  const live = [...required.map(({ configuration }) => configuration), ...others]
  return [...new Map(live.map((object) => [nameOf(refOf(object)), object])).entries()].flatMap(([name, object]) => {
    const trouble = found.find((one) => one.object === name)
    return trouble === undefined ? [] : [obstacleOf(object, trouble)]
  })
}

function refNamed(kind: Kind, object: string): Ref {
  const [namespace = '', name = ''] = object.replace(`${kind.kind} `, '').split('/')
  return { ...kind, namespace, name }
}

function obstacleOf(object: KubeObject, { reason }: Trouble): Obstacle {
  return { ref: refOf(object), uid: object.metadata.uid ?? '', why: reason.split('; ')[0] ?? reason }
}

/** The cluster as looks will find it once those webhook configurations are gone that block Flux. */
export function withoutObstacles(cluster: Cluster, probed: readonly ProbeResult[]): Cluster {
  const names = probed.flatMap(({ objects = [] }) =>
    objects.flatMap(({ object, damage }) => (damage === 'webhook-unanswered' || damage === 'webhook-expired' ? [object] : [])),
  )
  if (names.length === 0) return cluster
  const isThere = (object: KubeObject): boolean => !names.includes(nameOf(refOf(object)))
  return { ...cluster, list: async (kind, query) => (await cluster.list(kind, query)).filter(isThere) }
}
