import { type Capture, read } from '../../capture/capture.ts'
import type { Cluster } from '../../kubernetes/client.ts'
import { kinds, nameOf } from '../../kubernetes/objects.ts'

/** The cluster as looks will find it once the capture is restored: a Secret that is missing, and captured, is there. */
export function asRestored(cluster: Cluster, { entries }: Capture): Cluster {
  const captured = new Map(entries.filter(({ ref }) => ref.kind === kinds.secret.kind).map((entry) => [nameOf(entry.ref), entry]))
  return {
    ...cluster,
    async get(ref) {
      const entry = captured.get(nameOf(ref))
      return (await cluster.get(ref)) ?? (entry === undefined ? undefined : read(entry).object)
    },
  }
}
