import { kinds } from '../../../kubernetes/objects.ts'
import type { Step } from '../../../runner/step.ts'
import { manifestOf } from '../../../kubernetes/manifest.ts'

/** Makes sure that Flux's namespace is there. Git never holds it: pruning would take Flux with it (fluxcd/flux2#4570). */
export function ensureNamespace(name: string): Step {
  const ref = { ...kinds.namespace, name }
  return {
    id: 'namespace',
    title: `Create the namespace ${name}`,
    risk: 'change',
    async check({ cluster }) {
      const namespace = await cluster.get(ref)
      if (namespace === undefined) return { is: 'todo', change: `create Namespace ${name}`, commands: [`kubectl create namespace ${name}`] }
      if (namespace.metadata.deletionTimestamp === undefined) return { is: 'done', detail: 'exists' }
      return {
        is: 'blocked',
        reason: `Namespace ${name} is being deleted, since ${namespace.metadata.deletionTimestamp}`,
        remedy: `kubectl describe namespace ${name}`,
      }
    },
    async apply({ cluster }) {
      await cluster.apply(manifestOf(ref))
    },
    watches: [{ kind: kinds.namespace, query: { fields: `metadata.name=${name}` } }],
  }
}
