import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import { blocks, type Finding } from './finding.ts'
import { asksAbout, type Webhook, webhooksSchema } from './webhook-rules.ts'

const slicesSchema = v.object({
  items: v.array(
    v.object({
      endpoints: v.optional(
        v.nullable(v.array(v.object({ conditions: v.optional(v.object({ ready: v.optional(v.boolean(), true) }), {}) }))),
        [],
      ),
    }),
  ),
})

const configurations = ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'] as const

/**
 * Admission webhooks that would be asked about these objects, must answer (`failurePolicy: Fail`) and cannot: their Service has no
 * endpoint that is ready. Each would refuse everything (fluxcd/flux2#3335).
 */
export async function checkWebhooks(cluster: Cluster, objects: readonly KubeObject[]): Promise<Finding[]> {
  const labels = await namespaceLabels(cluster, objects)
  const found = await Promise.all(
    configurations.map(async (resource) => {
      const { items } = v.parse(webhooksSchema, await cluster.read(`/apis/admissionregistration.k8s.io/v1/${resource}`))
      return items.flatMap(({ metadata, webhooks }) => webhooks.map((webhook) => ({ resource, configuration: metadata.name, webhook })))
    }),
  )
  const asked = found
    .flat()
    .filter(({ webhook }) => webhook.failurePolicy !== 'Ignore' && objects.some((object) => asksAbout(webhook, object, labels)))
  const findings = await Promise.all(
    asked.map(async ({ resource, configuration, webhook }) => {
      const service = webhook.clientConfig.service
      if (service === undefined || (await hasEndpoint(cluster, service))) return []
      return [findingOf(resource.replace(/s$/, ''), configuration, webhook, service)]
    }),
  )
  return findings.flat()
}

interface Service {
  readonly namespace: string
  readonly name: string
}

function findingOf(kind: string, configuration: string, webhook: Webhook, { namespace, name }: Service): Finding {
  return blocks(
    `the webhook ${webhook.name} (${kind} ${configuration}) must allow what is to be applied, but its Service ${namespace}/${name} has no endpoint that is ready`,
    `kubectl --namespace ${namespace} get service,endpointslices,pods; if what served it is gone for good: kubectl delete ${kind} ${configuration}`,
  )
}

async function hasEndpoint(cluster: Cluster, { namespace, name }: Service): Promise<boolean> {
  const selector = encodeURIComponent(`kubernetes.io/service-name=${name}`)
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`
  const { items } = v.parse(slicesSchema, await cluster.read(path))
  return items.some(({ endpoints }) => (endpoints ?? []).some(({ conditions }) => conditions.ready))
}

/** The labels of each namespace that the objects live in; one that is not there yet will have its name for a label. */
async function namespaceLabels(cluster: Cluster, objects: readonly KubeObject[]): Promise<Map<string, Readonly<Record<string, string>>>> {
  const names = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))
  const entries = [...names].map(async (name) => {
    const live = await cluster.get({ ...kinds.namespace, name })
    return [name, { 'kubernetes.io/metadata.name': name, ...live?.metadata.labels }] as const
  })
  return new Map(await Promise.all(entries))
}
