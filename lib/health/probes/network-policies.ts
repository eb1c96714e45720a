import * as v from 'valibot'
import { type KubeObject, nameOf } from '../../cluster/objects.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

const networkPolicy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }
const instanceSchema = v.object({
  spec: v.object({ cluster: v.optional(v.object({ networkPolicy: v.optional(v.boolean(), true) }), {}) }),
})
const policySchema = v.object({
  spec: v.object({
    podSelector: v.optional(v.record(v.string(), v.unknown()), {}),
    policyTypes: v.optional(v.array(v.string()), []),
    egress: v.optional(v.nullable(v.array(v.unknown()))),
  }),
})

/** What `spec.cluster.networkPolicy` installs: the controllers reach each other and the world, webhooks and scrapers reach them. */
const usual = ['allow-egress', 'allow-scraping', 'allow-webhooks']

/** The controllers' NetworkPolicies are there where the FluxInstance asks for them, and no other keeps the controllers in. */
export const networkPolicies: Probe = {
  id: 'network-policies',
  title: 'NetworkPolicies',
  async look(scene) {
    const namespace = await scene.namespace()
    const [policies, instance] = await Promise.all([scene.cluster.list(networkPolicy, { namespace }), scene.instance()])
    const isAsked = instance !== undefined && v.parse(instanceSchema, instance).spec.cluster.networkPolicy
    const missing = isAsked ? usual.filter((name) => !policies.some(({ metadata }) => metadata.name === name)) : []
    const fails = missing.map((name): Trouble => ({
      object: nameOf({ ...networkPolicy, namespace, name }),
      reason: 'does not exist: the operator puts it back, if it runs',
      next: `${scene.kubectl} --namespace ${namespace} describe fluxinstance flux`,
    }))
    const warns = missing.includes(usual[0] ?? '') || !isAsked ? policies.filter(keepsIn).map((policy) => shut(policy, scene.kubectl)) : []
    return foundAmong(
      missing.length === 0 ? (isAsked ? `${usual.length} in place` : 'none asked for') : `${missing.length} of ${usual.length} missing`,
      fails,
      warns,
    )
  },
}

/** Rules add up: one that lets nothing out does harm only where no other lets everything out. */
function keepsIn(policy: KubeObject): boolean {
  const { podSelector, policyTypes, egress } = v.parse(policySchema, policy).spec
  return policyTypes.includes('Egress') && (egress ?? []).length === 0 && Object.keys(podSelector).length === 0
}

function shut({ metadata }: KubeObject, kubectl: string): Trouble {
  const { namespace, name } = metadata
  return {
    object: nameOf({ ...networkPolicy, name, ...(namespace === undefined ? {} : { namespace }) }),
    reason: 'lets nothing out of the namespace, and no other policy does: the controllers reach neither Git nor the API',
    next: `${kubectl} --namespace ${namespace} describe networkpolicy ${name}`,
  }
}
