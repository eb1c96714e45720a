import { kindArgument, kubectlCall, type Ref } from '../../../kubernetes/objects.ts'
import { requestedAtAnnotation } from '../../../flux/annotations.ts'
import { readinessOf } from '../../../flux/readiness.ts'
import { isRequested, requestReconcile } from '../../../flux/reconcile-request.ts'
import type { Step } from '../../../runner/step.ts'
import { stepStatusOf } from '../../../runner/step-status.ts'

/** Has Flux fetch from Git again now: after a failure it waits longer each time. */
export function ensureFetching(ref: Ref & { readonly namespace: string }): Step {
  const { namespace } = ref
  return {
    id: 'fetch',
    title: 'Have Flux fetch from Git',
    risk: 'change',
    async check({ cluster }) {
      const source = await cluster.get(ref)
      if (source === undefined) return { is: 'waiting', on: `${ref.kind} ${ref.name} to be created by the operator` }
      const readiness = readinessOf(source)
      if (readiness.is !== 'waiting' || isRequested(source)) {
        return stepStatusOf(readiness, kubectlCall('describe', ref))
      }
      return {
        is: 'todo',
        change: `request it now: ${readiness.on}`,
        commands: [
          `kubectl --namespace ${namespace} annotate ${kindArgument(ref)} ${ref.name} --overwrite ${requestedAtAnnotation}="$(date +%s)"`,
        ],
      }
    },
    apply: ({ cluster }) => requestReconcile(cluster, ref),
    watches: [{ kind: ref, query: { namespace } }],
  }
}
