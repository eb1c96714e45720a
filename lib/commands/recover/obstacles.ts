import * as v from 'valibot'
import type { DamageKind, ProbeResult, Trouble } from '../../health/probe.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { type Kind, kinds, type KubeObject, nameOf, type Ref, refOf } from '../../kubernetes/objects.ts'
import { apiService } from '../../preflight/api-services.ts'
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
 * The webhook configurations, quotas, aggregated APIs and records of Helm's that health names.
 * @throws RemedyNeeds where the Service of a webhook, or of an API, is there: then it is to be repaired, not removed
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
    const kind = damage === undefined ? undefined : removable[damage]
    return kind === undefined ? [] : [cluster.get(refNamed(kind, object))]
  })
  const others = (await Promise.all(named)).filter((one) => one !== undefined)
  for (const one of others) await verifyUnserved(cluster, one)
  const live = [...required.map(({ configuration }) => configuration), ...others]
  return [...new Map(live.map((object) => [nameOf(refOf(object)), object])).entries()].flatMap(([name, object]) => {
    const trouble = found.find((one) => one.object === name)
    return trouble === undefined ? [] : [obstacleOf(object, trouble)]
  })
}

const removable: { readonly [damage in DamageKind]?: Kind } = {
  quota,
  'release-unreadable': kinds.secret,
  'api-unavailable': apiService,
}

function refNamed(kind: Kind, object: string): Ref {
  const [name = '', namespace] = object.replace(`${kind.kind} `, '').split('/').reverse()
  return { ...kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

const servedSchema = v.object({ spec: v.object({ service: v.object({ namespace: v.string(), name: v.string() }) }) })

/** @throws RemedyNeeds where an aggregated API's Service is there */
async function verifyUnserved(cluster: Cluster, object: KubeObject): Promise<void> {
  if (object.kind !== apiService.kind) return
  const read = v.safeParse(servedSchema, object)
  const service = read.success ? read.output.spec.service : undefined
  if (service === undefined || (await cluster.get({ apiVersion: 'v1', kind: 'Service', ...service })) === undefined) return
  throw new RemedyNeeds(
    `the Service ${service.namespace}/${service.name} of ${nameOf(refOf(object))} exists, but does not answer`,
    `kubectl --namespace ${service.namespace} get service,endpointslices,pods; if its server will not come back: kubectl delete apiservice ${object.metadata.name}`,
  )
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
