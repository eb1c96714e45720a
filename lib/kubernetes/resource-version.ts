import * as v from 'valibot'
import type { Cluster } from './client.ts'

const listSchema = v.object({ metadata: v.object({ resourceVersion: v.pipe(v.string(), v.regex(/^\d+$/)) }) })

/**
 * The version of a cluster's data: every write gives it a higher one, and it is a number that may be compared (kubernetes.io, api-concepts,
 * "Resource versions"). undefined where the API does not say one.
 */
export async function dataVersion(cluster: Pick<Cluster, 'read'>): Promise<string | undefined> {
  const read = v.safeParse(listSchema, await cluster.read('/api/v1/namespaces?limit=1'))
  return read.success ? read.output.metadata.resourceVersion : undefined
}

/** Whether one version of a cluster's data is from before the other. */
export function isBefore(version: string, other: string): boolean {
  return BigInt(version) < BigInt(other)
}
