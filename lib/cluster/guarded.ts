import type { Cluster } from './cluster.ts'

/** The same cluster, but no write leaves before `verify` has passed: as that this run still holds the lock. */
export function guarded(cluster: Cluster, verify: () => Promise<void>): Cluster {
  return {
    ...cluster,
    async apply(object, options) {
      if (options?.dryRun !== true) await verify()
      return cluster.apply(object, options)
    },
    async patch(...args) {
      await verify()
      return cluster.patch(...args)
    },
    async create(...args) {
      await verify()
      return cluster.create(...args)
    },
    async replace(object) {
      await verify()
      return cluster.replace(object)
    },
    async remove(...args) {
      await verify()
      return cluster.remove(...args)
    },
  }
}
