import * as v from 'valibot'
import { kinds, type KubeObject } from '../kubernetes/objects.ts'

const selectorSchema = v.object({
  matchLabels: v.optional(v.record(v.string(), v.string()), {}),
  matchExpressions: v.optional(
    v.array(v.object({ key: v.string(), operator: v.string(), values: v.optional(v.array(v.string()), []) })),
    [],
  ),
})
type Selector = v.InferOutput<typeof selectorSchema>

const ruleSchema = v.object({
  apiGroups: v.optional(v.array(v.string()), []),
  apiVersions: v.optional(v.array(v.string()), []),
  resources: v.optional(v.array(v.string()), []),
  operations: v.optional(v.array(v.string()), []),
  scope: v.optional(v.string(), '*'),
})

const webhookSchema = v.object({
  name: v.string(),
  failurePolicy: v.optional(v.string(), 'Fail'),
  matchPolicy: v.optional(v.string(), 'Equivalent'),
  clientConfig: v.object({
    service: v.optional(v.object({ namespace: v.string(), name: v.string() })),
    caBundle: v.optional(v.string()),
  }),
  rules: v.optional(v.array(ruleSchema), []),
  namespaceSelector: v.optional(selectorSchema, {}),
  objectSelector: v.optional(selectorSchema, {}),
  matchConditions: v.optional(v.array(v.unknown()), []),
})
export type Webhook = v.InferOutput<typeof webhookSchema>

/** An admission webhook configuration, validating or mutating. */
export const configurationSchema = v.object({ webhooks: v.optional(v.array(webhookSchema), []) })

export type Labels = Readonly<Record<string, string>>

/**
 * Whether the API server would ask this webhook before it creates or changes the object (kubernetes staging/src/k8s.io/apiserver
 * pkg/admission/plugin/webhook/predicates). `matchConditions` are not computed: they are taken to say yes (`isCertain`).
 */
export function asksAbout(webhook: Webhook, object: KubeObject, namespaces: ReadonlyMap<string, Labels>): boolean {
  const [version = '', group = ''] = object.apiVersion.split('/').reverse()
  const resource = resourceOf(object.kind)
  const isNamespaced = object.metadata.namespace !== undefined
  const ruled = webhook.rules.some(
    ({ apiGroups, apiVersions, resources, operations, scope }) =>
      hasOrAll(apiGroups, group) &&
      // An equivalent request is converted to a version the webhook knows.
      (webhook.matchPolicy === 'Equivalent' || hasOrAll(apiVersions, version)) &&
      resources.some((one) => [resource, '*', '*/*'].includes(one)) &&
      operations.some((one) => ['*', 'CREATE', 'UPDATE'].includes(one)) &&
      (scope === '*' || (scope === 'Namespaced') === isNamespaced),
  )
  if (!ruled || !selects(webhook.objectSelector, object.metadata.labels)) return false
  const isNamespace = object.kind === kinds.namespace.kind && group === ''
  if (isNamespace)
    return selects(webhook.namespaceSelector, { 'kubernetes.io/metadata.name': object.metadata.name, ...object.metadata.labels })
  if (object.metadata.namespace === undefined) return true // nothing cluster-scoped is ever left out by its namespace
  return selects(webhook.namespaceSelector, namespaces.get(object.metadata.namespace) ?? {})
}

/** Whether no condition, which only the API server computes, may leave out what the webhook's rules are about. */
export function isCertain({ matchConditions }: Webhook): boolean {
  return matchConditions.length === 0
}

function hasOrAll(names: readonly string[], name: string): boolean {
  return names.includes('*') || names.includes(name)
}

function selects({ matchLabels, matchExpressions }: Selector, labels: Labels): boolean {
  const byLabels = Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
  return (
    byLabels &&
    matchExpressions.every(({ key, operator, values }) => {
      const value = labels[key]
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        default:
          return value === undefined // DoesNotExist
      }
    })
  )
}

/** The resource of a kind, guessed as kubectl does (k8s.io/apimachinery pkg/api/meta, UnsafeGuessKindToResource): it may not be installed yet. */
export function resourceOf(kind: string): string {
  const singular = kind.toLowerCase()
  if (singular.endsWith('s')) return `${singular}es`
  return singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`
}
