import * as v from 'valibot'
import { deletionOf, kinds, type KubeObject, nameOf, refOf } from '../../kubernetes/objects.ts'
import { describeTerminatingNamespace, findTerminatingNamespace } from '../../preflight/terminating.ts'
import { foundAmong, type Probe, type Trouble } from '../probe.ts'

const quota = { apiVersion: 'v1', kind: 'ResourceQuota' }
const quotaSchema = v.object({
  spec: v.optional(
    v.object({
      hard: v.optional(v.record(v.string(), v.string()), {}),
      scopes: v.optional(v.array(v.string()), []),
      scopeSelector: v.optional(v.object({ matchExpressions: v.optional(v.array(v.object({ scopeName: v.string() })), []) })),
    }),
    {},
  ),
})

/**
 * Flux's namespace is there, and stays: in one that is being deleted nothing new can be made, and what finalizers hold is stuck in it. No
 * quota in it allows nothing at all: a pod that ends would not come back.
 */
export const namespace: Probe = {
  id: 'namespace',
  title: 'Namespace',
  async check(snapshot) {
    const { cluster, where } = snapshot
    const name = await snapshot.namespace()
    const ref = { ...kinds.namespace, name }
    const live = await snapshot.get(ref)
    const next = `npx zx scripts/recover.ts ${where}`
    if (live === undefined) return foundAmong(`${name} does not exist`, [{ object: nameOf(ref), reason: 'does not exist', next }])
    const terminating = await findTerminatingNamespace(snapshot, name)
    if (terminating === undefined) {
      const closed = (await cluster.list(quota, { namespace: name })).flatMap((one) => closedBy(one, snapshot.kubectl))
      return foundAmong(closed.length === 0 ? name : `${name} has a quota of 0`, closed)
    }
    const reason = `${deletionOf(live) ?? ''}; ${await describeTerminatingNamespace(cluster, name, terminating)}`
    return foundAmong(`${name} is being deleted`, [{ object: nameOf(ref), reason, since: terminating.since, next }])
  },
}

/** Flux's pods run without end, and ask for memory. A quota for others, as of a priority class or without requests, is to keep those out. */
const ofFlux = ['NotTerminating', 'NotBestEffort']

/** What of a quota is 0, and concerns the pods of Flux. */
function closedBy(object: KubeObject, kubectl: string): Trouble[] {
  const { hard, scopes, scopeSelector } = v.parse(quotaSchema, object).spec
  const all = [...scopes, ...(scopeSelector?.matchExpressions ?? []).map(({ scopeName }) => scopeName)]
  if (!all.every((scope) => ofFlux.includes(scope))) return []
  const closed = Object.entries(hard).filter(([what, limit]) => concerned.test(what) && /^0+[a-zA-Z]*$/.test(limit))
  if (closed.length === 0) return []
  const { namespace, name } = object.metadata
  const limits = closed.map(([what, limit]) => `${what} to ${limit}`).join(', ')
  return [
    {
      object: nameOf(refOf(object)),
      reason: `limits ${limits}: a deleted pod of Flux is not replaced`,
      next: `${kubectl} --namespace ${namespace} describe resourcequota ${name}; if it is not needed: ${kubectl} --namespace ${namespace} delete resourcequota ${name}`,
      damage: 'quota',
    },
  ]
}
const concerned = /^(pods|count\/(pods|deployments\.apps|replicasets\.apps|secrets)|secrets|(requests\.|limits\.)?(cpu|memory))$/
