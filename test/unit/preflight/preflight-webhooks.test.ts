import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { kinds } from '../../../lib/kubernetes/objects.ts'
import { asksAbout, configurationSchema, resourceOf, type Webhook } from '../../../lib/preflight/webhook-rules.ts'
import { manifestOf } from '../../../lib/kubernetes/manifest.ts'

const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] }
function webhook(fields: Record<string, unknown>): Webhook {
  const service = { namespace: 'policy', name: 'policy' }
  const configuration = { webhooks: [{ name: 'check.policy.io', clientConfig: { service }, rules: [rule], ...fields }] }
  const [parsed] = v.parse(configurationSchema, configuration).webhooks
  if (parsed === undefined) throw new Error('none')
  return parsed
}
const deployment = manifestOf({ ...kinds.deployment, namespace: 'flux-system', name: 'flux-operator' })
const labelled = { ...deployment, metadata: { ...deployment.metadata, labels: { app: 'flux' } } }
const namespace = manifestOf({ ...kinds.namespace, name: 'flux-system' })
const crd = manifestOf({ ...kinds.crd, name: 'x' })
const namespaces = new Map([['flux-system', { 'kubernetes.io/metadata.name': 'flux-system', team: 'platform' }]])
const everything = { ...rule, apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }

describe('a webhook is asked', () => {
  test.each([
    ['about its own resource', {}],
    ['about every resource', { rules: [everything] }],
    ['about changes', { rules: [{ ...rule, operations: ['UPDATE'] }] }],
    ['about an equivalent version', { rules: [{ ...rule, apiVersions: ['v1beta1'] }] }],
    ['in a namespace that its selector takes', { namespaceSelector: { matchLabels: { team: 'platform' } } }],
    ['in a namespace that it does not leave out', { namespaceSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] } }],
    ['about namespaced objects', { rules: [{ ...rule, scope: 'Namespaced' }] }],
  ])('%s', (_, fields) => {
    expect(asksAbout(webhook(fields), deployment, namespaces)).toBe(true)
  })
  test('about a cluster-scoped object whatever namespaces it leaves out, and about a namespace by its own labels', () => {
    const fields = { rules: [everything], namespaceSelector: { matchLabels: { team: 'platform' } } }
    expect(asksAbout(webhook(fields), crd, namespaces)).toBe(true)
    expect(asksAbout(webhook(fields), namespace, namespaces)).toBe(false)
    const byName = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['flux-system'] }] }
    expect(asksAbout(webhook({ rules: [everything], namespaceSelector: byName }), namespace, namespaces)).toBe(true)
  })
})

describe('a webhook is not asked', () => {
  test.each([
    ['about another resource', { rules: [{ ...rule, resources: ['pods'] }] }],
    ['about a subresource only', { rules: [{ ...rule, resources: ['deployments/status'] }] }],
    ['about another group', { rules: [{ ...rule, apiGroups: ['batch'] }] }],
    ['about deletions only', { rules: [{ ...rule, operations: ['DELETE'] }] }],
    ['about another version, where only that very one counts', { matchPolicy: 'Exact', rules: [{ ...rule, apiVersions: ['v1beta1'] }] }],
    ['about cluster-scoped objects only', { rules: [{ ...rule, scope: 'Cluster' }] }],
    [
      'in a namespace that it leaves out',
      { namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['flux-system'] }] } },
    ],
    ['about an object that its selector leaves out', { objectSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] } }],
  ])('%s', (_, fields) => {
    expect(asksAbout(webhook(fields), deployment, namespaces)).toBe(false)
  })
  test('but about one that it takes', () => {
    expect(asksAbout(webhook({ objectSelector: { matchLabels: { app: 'flux' } } }), labelled, namespaces)).toBe(true)
  })
})

test.each([
  ['Deployment', 'deployments'],
  ['NetworkPolicy', 'networkpolicies'],
  ['Ingress', 'ingresses'],
  ['FluxInstance', 'fluxinstances'],
])('%s is the resource %s', (kind, resource) => {
  expect(resourceOf(kind)).toBe(resource)
})
