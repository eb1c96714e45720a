import * as v from 'valibot'
import type { Cluster } from '../../../kubernetes/client.ts'
import { kinds, type KubeObject, nameOf, refOf } from '../../../kubernetes/objects.ts'
import { fluxKinds } from '../../../flux/kinds.ts'
import type { Step } from '../../../runner/step.ts'
import { podsOf, runsController } from '../../../flux/components.ts'
import { pendingLabels } from '../../../flux/helm-storage.ts'

const releaseSchema = v.object({
  spec: v.object({
    releaseName: v.optional(v.string()),
    targetNamespace: v.optional(v.string()),
    storageNamespace: v.optional(v.string()),
  }),
  status: v.optional(v.object({ history: v.nullish(v.array(v.object({ name: v.string() })), []) }), {}),
})

/** Waits until helm-controller is in the middle of no release: one that is cut off stays `pending-*` (helm/helm#10599). */
export function ensureHelmIdle(namespace: string): Step {
  return {
    id: 'helm-idle',
    title: 'Wait until no Helm release is pending',
    risk: 'safe',
    async check({ cluster }) {
      const releases = await pendingReleases(cluster)
      if (releases.length === 0) return { is: 'done', detail: 'none is' }
      const runs = (await podsOf(cluster, namespace, 'controllers')).some((pod) => runsController(pod, 'helm-controller'))
      if (runs) return { is: 'waiting', on: `helm-controller to finish ${releases.join(', ')}` }
      return {
        is: 'done',
        detail: `no controller is left to finish ${releases.join(', ')}; the next helm-controller unlocks what is pending`,
      }
    },
    apply: () => Promise.resolve(),
    watches: [{ kind: kinds.secret, query: { labels: pendingLabels } }],
  }
}

/** Those of HelmReleases; what someone's own helm has left pending is not waited for. */
export async function pendingReleases(cluster: Pick<Cluster, 'list'>): Promise<string[]> {
  const [secrets, releases] = await Promise.all([
    cluster.list(kinds.secret, { labels: pendingLabels }),
    cluster.list(fluxKinds.helmRelease),
  ])
  return releases
    .filter((release) => secrets.some(({ metadata }) => isStorageOf(release, metadata.namespace, metadata.labels.name)))
    .map((release) => nameOf(refOf(release)))
}

/** helm-controller's own names (api/v2, GetReleaseName, GetStorageNamespace); the history knows those it had to shorten. */
function isStorageOf(release: KubeObject, namespace: string | undefined, name: string | undefined): boolean {
  const { spec, status } = v.parse(releaseSchema, release)
  const { name: own, namespace: at } = release.metadata
  const called = spec.releaseName ?? (spec.targetNamespace === undefined ? own : `${spec.targetNamespace}-${own}`)
  const names = [called, ...(status.history ?? []).map((entry) => entry.name)]
  return namespace === (spec.storageNamespace ?? at) && name !== undefined && names.includes(name)
}
