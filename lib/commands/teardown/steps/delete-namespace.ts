import { describeHolders } from '../../../flux/finalizers.ts'
import { readHolders, readNamespace } from '../../../ownership/namespace-content.ts'
import type { OwnedObject } from '../../../ownership/owned-objects.ts'
import { withoutCommon } from '../../../ownership/common-objects.ts'
import { judgeContent, judgeUnseen } from '../checks/foreign-content.ts'
import { isCarriedBy } from './capture.ts'
import { type Cluster, isNotFound } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject } from '../../../kubernetes/objects.ts'
import { conditionsOf } from '../../../kubernetes/readiness.ts'
import type { Step } from '../../../runner/step.ts'

/**
 * Sends the namespace on its way. Kubernetes takes at least 5 s for it, whatever is in there, so it is the first to go: the finalizers
 * and the CustomResourceDefinitions go meanwhile (measured: 6.1 s instead of 8.7 s for a thousand objects). What came into it since preflight,
 * and is not Flux's, is judged once more right before.
 */
export function startNamespaceDeletion(name: string, ownedObjects: readonly OwnedObject[]): Step {
  const ref = { ...kinds.namespace, name }
  return {
    id: 'namespace-deletion',
    title: `Delete the namespace ${name}`,
    risk: 'destroy',
    async check({ cluster, memory }) {
      const namespace = await cluster.get(ref)
      if (namespace === undefined) return { is: 'done', detail: 'it is gone' }
      if (namespace.metadata.deletionTimestamp !== undefined) return { is: 'done', detail: 'Terminating' }
      const { others, unseen } = await readNamespace(cluster, name, ownedObjects)
      const [finding] = [
        ...judgeUnseen(unseen, name, false),
        ...judgeContent(await withoutCommon(cluster, name, others), namespace, isCarriedBy(memory)),
      ]
      if (finding?.is === 'blocks') return { is: 'blocked', reason: finding.what, remedy: finding.remedy ?? '' }
      return {
        is: 'todo',
        change: `delete it and its content; a later step waits until it is gone`,
        commands: [`kubectl delete namespace ${name} --wait=false`],
      }
    },
    async apply({ cluster }) {
      const uid = (await cluster.get(ref))?.metadata.uid
      if (uid !== undefined) await cluster.remove(ref, { uid })
    },
  }
}

/**
 * Waits until the namespace is gone, and reports what holds it: kind, object and finalizer. Where something blocked it before, its
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
    async check({ cluster }) {
      const namespace = await cluster.get(ref)
      if (namespace === undefined) return { is: 'done', detail: 'gone' }
      if (isAsked) return { is: 'waiting', on: await holding(cluster, namespace) }
      return {
        is: 'todo',
        change: 'have Kubernetes check again what is left in it, and wait',
        commands: [`kubectl annotate namespace ${name} flux-runbook/asked-at=now`, `kubectl wait --for=delete namespace/${name}`],
      }
    },
    async apply({ cluster }) {
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

/** The namespace controller's own words, and by name what it waits for; or who is to take a finalizer off the namespace itself. */
async function holding(cluster: Cluster, namespace: KubeObject): Promise<string> {
  const { name, finalizers } = namespace.metadata
  const own = finalizers.length === 0 ? [] : [{ ref: { ...kinds.namespace, name }, finalizers }]
  const reported = conditionsOf(namespace).filter(({ type, status }) => status === 'True' && type.startsWith('Namespace'))
  if (reported.length + own.length === 0) return 'the namespace controller'
  const holders = [...own, ...(reported.length === 0 ? [] : await readHolders(cluster, name))]
  return holders.length === 0 ? reported.map(({ message }) => message).join(' ') : `what holds ${describeHolders(holders)}`
}
