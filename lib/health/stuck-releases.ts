import { listMetadata } from '../kubernetes/metadata.ts'
import { kinds } from '../kubernetes/objects.ts'
import { fluxKinds } from '../flux/kinds.ts'
import { usualTimeout } from '../flux/attempt.ts'
import type { Judgement } from './assess.ts'
import type { Snapshot } from './snapshot.ts'
import { pendingLabels } from '../flux/helm-storage.ts'

/** HelmReleases with a Helm release that has been pending for longer than it may take: anyone who worked on it is gone. */
export async function stuckReleases({ cluster, now, objects }: Snapshot): Promise<ReadonlyMap<string, Judgement>> {
  const path = await cluster.collection(kinds.secret, { labels: pendingLabels })
  const [{ objects: secrets }, { all }] = await Promise.all([listMetadata(cluster, path, kinds.secret), objects()])
  const found = new Map<string, Judgement>()
  for (const { metadata } of secrets) {
    const { name, status, version } = metadata.labels
    const owner = all.find(
      ({ ref, release }) => ref.kind === fluxKinds.helmRelease.kind && release.namespace === metadata.namespace && release.name === name,
    )
    const since = metadata.creationTimestamp ?? ''
    const patience = (owner?.attempt ?? usualTimeout) + 60_000
    // Nobody is to work on one that is suspended.
    if (owner === undefined || owner.isSuspended || now - Date.parse(since) < patience) continue
    found.set(owner.name, {
      is: 'fails',
      cause: 'pending-release',
      reason: `Helm release ${name} is ${status} at revision ${version}, and no controller is working on it`,
      since,
    })
  }
  return found
}
