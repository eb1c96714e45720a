import { fluxKinds } from '../../../flux/kinds.ts'
import { requestReconcile } from '../../../flux/reconcile-request.ts'
import { minute, removeAll, type Scenario } from '../scenario.ts'
import { podsOf } from '../../../flux/components.ts'

const clear: NonNullable<Scenario['undo']> = async ({ lab }) => lab?.clearFaults()

/** Disasters in which something outside Flux fails, and comes back: only the lab can bring them about. */
export const outages: readonly Scenario[] = [
  {
    name: 'operator-partitioned',
    title: 'The operator cut off from the API',
    injects: 'cuts flux-operator off from the API, so that it exits and cannot start',
    objectiveMs: 2 * minute,
    isLabOnly: true,
    async inject({ lab, cluster, namespace }) {
      await lab?.setFault('partition=flux-operator')
      // In a cluster it would end by itself when it loses its lease; the lab's operator has none.
      await removeAll(cluster, await podsOf(cluster, namespace, 'operator'))
    },
    undo: clear,
  },
  {
    name: 'git-gone',
    title: 'Git gone for a while',
    injects: 'makes the Git server refuse connections until a health check reports it',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    async inject({ lab, cluster, namespace }) {
      await lab?.setFault('git-down')
      await requestReconcile(cluster, { ...fluxKinds.gitRepository, namespace, name: namespace })
    },
    undo: clear,
  },
  {
    name: 'registry-gone',
    title: 'The registry gone for a while',
    injects: 'makes the OCI registry refuse connections until a health check reports it',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    async inject({ lab, cluster, namespace }) {
      await lab?.setFault('registry-down')
      // Flux would ask it only every twelve hours: until then nothing is amiss.
      await requestReconcile(cluster, { ...fluxKinds.ociRepository, namespace, name: 'flux-operator' })
    },
    undo: clear,
  },
]
