import * as v from 'valibot'
import type { Cluster } from '../cluster/cluster.ts'
import { kinds, type KubeObject } from '../cluster/objects.ts'
import { blocks, type Finding } from './finding.ts'
import { asksAbout, configurationSchema, type Webhook } from './webhook-rules.ts'

const sliceSchema = v.object({
  endpoints: v.nullish(v.array(v.object({ conditions: v.optional(v.object({ ready: v.optional(v.boolean(), true) }), {}) })), []),
})

const group = 'admissionregistration.k8s.io/v1'
const configurations = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration']
const endpointSlice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }

/**
 * Admission webhooks that would be asked about these objects, must answer (`failurePolicy: Fail`) and cannot: their Service has no
 * endpoint that is ready. Each would refuse everything (fluxcd/flux2#3335).
 */
export async function checkWebhooks(cluster: Cluster, objects: readonly KubeObject[]): Promise<Finding[]> {
  const labels = await namespaceLabels(cluster, objects)
  const found = await Promise.all(configurations.map((kind) => cluster.list({ apiVersion: group, kind })))
  const asked = found.flat().flatMap((configuration) =>
    v
      .parse(configurationSchema, configuration)
      .webhooks.filter(({ failurePolicy }) => failurePolicy !== 'Ignore')
      .filter((webhook) => objects.some((object) => asksAbout(webhook, object, labels)))
      .map((webhook) => ({ configuration, webhook })),
  )
  const findings = await Promise.all(
    asked.map(async ({ configuration, webhook }) => {
      const service = webhook.clientConfig.service
      return service === undefined || (await hasEndpoint(cluster, service)) ? [] : [findingOf(configuration, webhook, service)]
    }),
  )
  return findings.flat()
}

interface Service {
  readonly namespace: string
  readonly name: string
}

function findingOf({ kind, metadata }: KubeObject, webhook: Webhook, { namespace, name }: Service): Finding {
  return blocks(
    `the webhook ${webhook.name} of ${kind} ${metadata.name} must allow what is to be applied, but its Service ${namespace}/${name} has no endpoint that is ready`,
    `kubectl --namespace ${namespace} get service,endpointslices,pods; if what served it is gone for good: kubectl delete ${kind.toLowerCase()} ${metadata.name}`,
  )
}

async function hasEndpoint(cluster: Cluster, { namespace, name }: Service): Promise<boolean> {
  const slices = await cluster.list(endpointSlice, { namespace, labels: `kubernetes.io/service-name=${name}` })
  return slices.some((slice) => (v.parse(sliceSchema, slice).endpoints ?? []).some(({ conditions }) => conditions.ready))
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
