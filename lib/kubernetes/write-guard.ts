import type { Cluster } from './client.ts'

/** The same cluster, but no write leaves before `verify` has passed: as that this run still holds the lock. */
export function withWriteGuard(cluster: Cluster, verify: () => Promise<void>): Cluster {
  const allowed = shared(verify)
  return {
    ...cluster,
    async apply(object, options) {
      if (options?.dryRun !== true) await allowed()
      return cluster.apply(object, options)
    },
    async patch(ref, patch, subresource, options) {
      if (options?.dryRun !== true) await allowed()
      return cluster.patch(ref, patch, subresource, options)
    },
    async create(...args) {
      await allowed()
      return cluster.create(...args)
    },
    async replace(object) {
      await allowed()
      return cluster.replace(object)
    },
    async remove(ref, options) {
      if (options.dryRun !== true) await allowed()
      return cluster.remove(ref, options)
    },
  }
}

/** One question for all who wait when it is asked, as thirty writes at a time do; nobody gets an answer from before they asked. */
function shared(ask: () => Promise<void>): () => Promise<void> {
  let asked: Promise<void> | undefined
  let next: Promise<void> | undefined
  const begin = (): Promise<void> => {
    next = undefined
    const answer = ask().finally(() => {
      if (asked === answer) asked = undefined
    })
    asked = answer
    return answer
  }
  return () => {
    if (asked === undefined) return begin()
    return (next ??= asked.catch(() => undefined).then(begin))
  }
}
