import { kinds, type Ref } from '../cluster/objects.ts'
import { readinessOf } from '../cluster/readiness.ts'
import { isRequested, requestReconcile } from '../cluster/reconcile-request.ts'
import type { Step } from '../step.ts'
import { settled } from './heal.ts'

/** Has Flux fetch from Git again now: after a failure it waits longer each time. */
export function ensureFetching(namespace: string): Step {
  const ref: Ref = { ...kinds.gitRepository, namespace, name: namespace }
  return {
    id: 'fetch',
    title: 'Have Flux fetch from Git',
    risk: 'change',
    async look({ cluster }) {
      const source = await cluster.get(ref)
      if (source === undefined) return { is: 'waiting', on: `GitRepository ${ref.name} to be created by the operator` }
      const readiness = readinessOf(source)
      if (readiness.is !== 'waiting' || isRequested(source)) {
        return settled(readiness, `kubectl --namespace ${namespace} describe gitrepository ${ref.name}`)
      }
      return {
        is: 'todo',
        change: `ask for it now: ${readiness.on}`,
        commands: [`flux --namespace ${namespace} reconcile source git ${ref.name}`],
      }
    },
    act: ({ cluster }) => requestReconcile(cluster, ref),
    watches: [{ kind: kinds.gitRepository, query: { namespace } }],
  }
}
