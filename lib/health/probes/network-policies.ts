import * as v from 'valibot'
import { type KubeObject, nameOf } from '../../kubernetes/objects.ts'
import { inventoryOf } from '../../flux/inventory.ts'
import { isPartOfFlux } from '../../flux/labels.ts'
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
const usual = ['allow-egress', 'allow-scraping', 'allow-webhooks'] as const

/** The controllers' NetworkPolicies are there where Flux was installed with them, and no other keeps the controllers in. */
export const networkPolicies: Probe = {
  id: 'network-policies',
  title: 'NetworkPolicies',
  async check(snapshot) {
    const namespace = await snapshot.namespace()
    const [policies, instance, { expectsOperator }] = await Promise.all([
      snapshot.cluster.list(networkPolicy, { namespace }),
      snapshot.instance(),
      snapshot.installed(),
    ])
    // Anyone who else installs Flux makes all of them or none.
    const isAsked = instance === undefined ? policies.some(isFluxs) : v.parse(instanceSchema, instance).spec.cluster.networkPolicy
    const expected = isAsked ? expectedOf(instance) : []
    const missing = expected.filter((name) => !policies.some(({ metadata }) => metadata.name === name))
    // Before the operator has applied anything, that is what is wrong; without one, nobody in the cluster recreates them.
    const isPart = expectsOperator && instance !== undefined && inventoryOf(instance).length > 0
    const fails = missing.map((name): Trouble => ({
      object: nameOf({ ...networkPolicy, namespace, name }),
      reason: expectsOperator ? 'does not exist: the operator recreates it, if it runs' : 'does not exist, and no operator recreates it',
      next: expectsOperator
        ? `${snapshot.kubectl} --namespace ${namespace} describe fluxinstance flux`
        : `${snapshot.kubectl} --namespace ${namespace} get networkpolicies`,
      ...(isPart ? { damage: 'part-gone' } : {}),
    }))
    const warns =
      missing.includes(usual[0]) || !expected.includes(usual[0])
        ? policies.filter(keepsIn).map((policy) => shut(policy, snapshot.kubectl))
        : []
    return foundAmong(missing.length === 0 ? inPlace(expected, isAsked) : `${missing.length} of ${expected.length} missing`, fails, warns)
  },
}

/** Those of the usual that the operator has applied: a patch of the FluxInstance may take one out. All, where it has applied nothing yet. */
function expectedOf(instance: KubeObject | undefined): string[] {
  const applied = instance === undefined ? [] : inventoryOf(instance)
  const isApplied = (name: string): boolean => applied.some((ref) => ref.kind === networkPolicy.kind && ref.name === name)
  return applied.length === 0 ? [...usual] : usual.filter(isApplied)
}

function inPlace(expected: readonly string[], isAsked: boolean): string {
  if (!isAsked) return 'none asked for'
  const left = usual.filter((name) => !expected.includes(name))
  return `${expected.length} in place${left.length === 0 ? '' : `; the FluxInstance leaves out ${left.join(', ')}`}`
}

function isFluxs(policy: KubeObject): boolean {
  return isPartOfFlux(policy) && usual.some((name) => name === policy.metadata.name)
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
    reason: 'allows no egress from the namespace, nor does any other policy: the controllers reach neither Git nor the API',
    next: `${kubectl} --namespace ${namespace} describe networkpolicy ${name}`,
  }
}
