import { kinds } from '../cluster/objects.ts'
import { requestReconcile } from '../cluster/reconcile-request.ts'
import { minute, removeAll, type Scenario } from './scenario.ts'

const clear: NonNullable<Scenario['relent']> = async ({ lab }) => lab?.clearFaults()

/** Disasters in which something outside Flux fails, and comes back: only the lab can bring them about. */
export const chaos: readonly Scenario[] = [
  {
    name: 'operator-partitioned',
    title: 'The operator cut off from the API',
    strikes: 'keeps flux-operator from reaching the API, so that it ends and cannot start',
    objectiveMs: 2 * minute,
    isLabOnly: true,
    async strike({ lab, cluster, namespace }) {
      await lab?.setFault('partition=flux-operator')
      // In a cluster it would end by itself when it loses its lease; the lab's operator has none.
      await removeAll(cluster, await cluster.list(kinds.pod, { namespace, labels: 'app.kubernetes.io/name=flux-operator' }))
    },
    relent: clear,
  },
  {
    name: 'git-gone',
    title: 'Git gone for a while',
    strikes: 'has the Git server refuse connections until that is noticed',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    async strike({ lab, cluster, namespace }) {
      await lab?.setFault('git-down')
      await requestReconcile(cluster, { ...kinds.gitRepository, namespace, name: namespace })
    },
    relent: clear,
  },
  {
    name: 'registry-gone',
    title: 'The registry gone for a while',
    strikes: 'has the OCI registry refuse connections until that is noticed',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    async strike({ lab, cluster, namespace }) {
      await lab?.setFault('registry-down')
      // Flux would ask it only every twelve hours: until then nothing is amiss.
      await requestReconcile(cluster, { ...kinds.ociRepository, namespace, name: 'flux-operator' })
    },
    relent: clear,
  },
  {
    name: 'upgrade-broken',
    title: 'An upgrade that breaks halfway',
    strikes: 'upgrades to a version whose images cannot be pulled',
    objectiveMs: 5 * minute,
    isLabOnly: true,
    strike: async ({ lab }) => {
      // The lab has no program for these, unless it was asked to build them.
      for (const image of ['source-controller:v1.9.4', 'kustomize-controller:v1.9.4', 'helm-controller:v1.6.3'])
        await lab?.setFault(`image=${image}`)
    },
    relent: clear,
    remedy: { script: 'upgrade', args: ['--to', '2.9.4', '--timeout', '30s'], exitCode: 5 },
  },
]
