import { listMetadata } from '../cluster/metadata.ts'
import { kinds } from '../cluster/objects.ts'
import { parseDuration } from '../duration.ts'
import type { Judgement } from './judgement.ts'
import type { Scene } from './scene.ts'
import { pendingLabels } from '../capture/helm-storage.ts'

/** HelmReleases with a Helm release that has been pending for longer than it may take: whoever worked on it is gone. */
export async function stuckReleases({ cluster, now, objects }: Scene): Promise<ReadonlyMap<string, Judgement>> {
  const path = await cluster.collection(kinds.secret, { labels: pendingLabels })
  const [{ objects: secrets }, { all }] = await Promise.all([listMetadata(cluster, path, kinds.secret), objects()])
  const found = new Map<string, Judgement>()
  for (const { metadata } of secrets) {
    const { name, status, version } = metadata.labels
    const owner = all.find(
      ({ ref, release }) => ref.kind === kinds.helmRelease.kind && release.namespace === metadata.namespace && release.name === name,
    )
    const since = metadata.creationTimestamp ?? ''
    const patience = (parseDuration(owner?.timeout ?? '') ?? 5 * 60_000) + 60_000
    if (owner === undefined || now - Date.parse(since) < patience) continue
    found.set(owner.name, {
      is: 'fails',
      reason: `Helm release ${name} is ${status} at revision ${version}, and nobody is at work on it`,
      since,
    })
  }
  return found
}
