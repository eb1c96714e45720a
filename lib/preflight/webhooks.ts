import * as v from 'valibot'
import type { Cluster } from '../kubernetes/client.ts'
import { kinds, type KubeObject } from '../kubernetes/objects.ts'
import { blocks, type Finding } from './preflight.ts'
import { asksAbout, configurationSchema, type Labels, type Webhook } from './webhook-rules.ts'

const sliceSchema = v.object({
  endpoints: v.nullish(v.array(v.object({ conditions: v.optional(v.object({ ready: v.optional(v.boolean(), true) }), {}) })), []),
})

const group = 'admissionregistration.k8s.io/v1'
const configurations = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration']
const endpointSlice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }

/** A webhook that must answer (`failurePolicy: Fail`), in the configuration that registers it. */
export interface RequiredWebhook {
  readonly configuration: KubeObject
  readonly webhook: Webhook
}

/** A webhook whose Service has no ready endpoint: what it is asked about is refused. */
export interface UnansweredWebhook extends RequiredWebhook {
  readonly service: Service
}

interface Service {
  readonly namespace: string
  readonly name: string
}

/** Every admission webhook of the cluster that must answer. */
export async function requiredWebhooks(cluster: Cluster): Promise<RequiredWebhook[]> {
  const found = await Promise.all(configurations.map((kind) => cluster.list({ apiVersion: group, kind })))
  return found
    .flat()
    .flatMap((configuration) =>
      v
        .parse(configurationSchema, configuration)
        .webhooks.flatMap((webhook) => (webhook.failurePolicy === 'Ignore' ? [] : [{ configuration, webhook }])),
    )
}

/** Those of them that cannot answer: each refuses everything that it is asked about (fluxcd/flux2#3335). */
export async function unansweredAmong(cluster: Cluster, webhooks: readonly RequiredWebhook[]): Promise<UnansweredWebhook[]> {
  const found = await Promise.all(
    webhooks.map(async (one): Promise<UnansweredWebhook[]> => {
      const { service } = one.webhook.clientConfig
      return service === undefined || (await hasEndpoint(cluster, service)) ? [] : [{ ...one, service }]
    }),
  )
  return found.flat()
}

/** Admission webhooks that would be asked about these objects, must answer and cannot. */
export async function checkWebhooks(cluster: Cluster, objects: readonly KubeObject[]): Promise<Finding[]> {
  const labels = await namespaceLabels(cluster, objects)
  const asked = (await requiredWebhooks(cluster)).filter(({ webhook }) => objects.some((object) => asksAbout(webhook, object, labels)))
  return (await unansweredAmong(cluster, asked)).map(findingOf)
}

function findingOf({ configuration: { kind, metadata }, webhook, service: { namespace, name } }: UnansweredWebhook): Finding {
  return blocks(
    `the webhook ${webhook.name} of ${kind} ${metadata.name} must allow what is to be applied, but its Service ${namespace}/${name} has no ready endpoint`,
    `kubectl --namespace ${namespace} get service,endpointslices,pods; if its server will not come back: kubectl delete ${kind.toLowerCase()} ${metadata.name}`,
  )
}

async function hasEndpoint(cluster: Cluster, { namespace, name }: Service): Promise<boolean> {
  const slices = await cluster.list(endpointSlice, { namespace, labels: `kubernetes.io/service-name=${name}` })
  return slices.some((slice) => (v.parse(sliceSchema, slice).endpoints ?? []).some(({ conditions }) => conditions.ready))
}

/** The labels of each namespace that the objects live in; one that does not exist yet will have its name for a label. */
export async function namespaceLabels(cluster: Cluster, objects: readonly KubeObject[]): Promise<Map<string, Labels>> {
  const names = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))
  const entries = [...names].map(async (name) => {
    const live = await cluster.get({ ...kinds.namespace, name })
    return [name, { 'kubernetes.io/metadata.name': name, ...live?.metadata.labels }] as const
  })
  return new Map(await Promise.all(entries))
}
