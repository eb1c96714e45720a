import * as v from 'valibot'
import { readRemains } from '../belongings/namespace-content.ts'
import { type Cluster, isNotFound } from '../cluster/cluster.ts'
import { kinds, type KubeObject, nameOf } from '../cluster/objects.ts'
import type { Step } from '../step.ts'

/**
 * Sends the namespace on its way. Kubernetes takes at least 5 s for it, whatever is in there, so it is the first to go: the finalizers
 * and the CustomResourceDefinitions go meanwhile (measured: 6.1 s instead of 8.7 s for a thousand objects).
 */
export function sendNamespaceAway(name: string): Step {
  const ref = { ...kinds.namespace, name }
  return {
    id: 'namespace-deletion',
    title: `Delete the namespace ${name}`,
    risk: 'destroy',
    async look({ cluster }) {
      const namespace = await cluster.get(ref)
      if (namespace === undefined) return { is: 'done', detail: 'it is gone' }
      if (namespace.metadata.deletionTimestamp !== undefined) return { is: 'done', detail: 'on its way' }
      return {
        is: 'todo',
        change: `delete it with all that is in it; its end is waited for below`,
        commands: [`kubectl delete namespace ${name} --wait=false`],
      }
    },
    async act({ cluster }) {
      const uid = (await cluster.get(ref))?.metadata.uid
      if (uid !== undefined) await cluster.remove(ref, { uid })
    },
  }
}

/**
 * Waits until the namespace is gone, and tells what holds it: kind, object and finalizer. Where something was in the way before, its
 * controller looks again only after half of the longest grace of a pod in there, five minutes for helm-controller's (kubernetes
 * pkg/controller/namespace, ResourcesRemainingError); any change of the namespace has it look in 5 s.
 */
export function ensureNamespaceGone(name: string): Step {
  const ref = { ...kinds.namespace, name }
  let isAsked = false
  return {
    id: 'namespace-gone',
    title: `Wait until the namespace ${name} is gone`,
    risk: 'change',
    async look({ cluster }) {
      const namespace = await cluster.get(ref)
      if (namespace === undefined) return { is: 'done', detail: 'gone' }
      if (isAsked) return { is: 'waiting', on: await holding(cluster, namespace) }
      return {
        is: 'todo',
        change: 'have Kubernetes look again at what is left in it, and wait',
        commands: [`kubectl annotate namespace ${name} flux-runbook/asked-at=now`, `kubectl wait --for=delete namespace/${name}`],
      }
    },
    async act({ cluster }) {
      isAsked = true
      await cluster
        .patch(ref, { metadata: { annotations: { 'flux-runbook/asked-at': new Date().toISOString() } } })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error
        })
    },
    watches: [{ kind: kinds.namespace, query: { fields: `metadata.name=${name}` } }],
  }
}

const conditionsSchema = v.object({
  status: v.optional(
    v.object({
      conditions: v.optional(v.array(v.object({ type: v.string(), status: v.string(), message: v.optional(v.string(), '') })), []),
    }),
    {},
  ),
})

/** The namespace controller's own words, and by name what it waits for. */
async function holding(cluster: Cluster, namespace: KubeObject): Promise<string> {
  const { conditions } = v.parse(conditionsSchema, namespace).status
  const told = conditions.filter(({ type, status }) => status === 'True' && type.startsWith('Namespace'))
  if (told.length === 0) return 'the namespace controller'
  const remains = await readRemains(cluster, namespace.metadata.name)
  const named = remains
    .filter(({ finalizers }) => finalizers.length > 0)
    .slice(0, 3)
    .map(({ ref, finalizers }) => `${nameOf(ref)} (finalizer ${finalizers.join(', ')})`)
  return named.length === 0 ? told.map(({ message }) => message).join(' ') : `what holds ${named.join(', ')}`
}
